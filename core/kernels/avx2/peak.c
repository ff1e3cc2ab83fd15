/* The peak measurements for avx2: vectors of 8 floats. */
#define VL 8
#define PEAK_NAME reel_peak__avx2
#include "core/kernels/peak_impl.h"
