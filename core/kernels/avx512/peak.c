/* The peak measurements for avx512: vectors of 16 floats. */
#define VL 16
#define PEAK_NAME reel_peak__avx512
#include "core/kernels/peak_impl.h"
