/* Philox draws for avx512. */
#define PHILOX_NAME reel_philox_draw__avx512
#include "core/kernels/philox_impl.h"
