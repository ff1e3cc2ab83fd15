/* The peak measurements for portable: vectors of 4 floats. */
#define VL 4
#define PEAK_NAME reel_peak__portable
#include "core/kernels/peak_impl.h"
