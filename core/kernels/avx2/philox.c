/* Philox draws for avx2. */
#define PHILOX_NAME reel_philox_draw__avx2
#include "core/kernels/philox_impl.h"
