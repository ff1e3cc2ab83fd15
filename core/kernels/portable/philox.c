/* Philox draws for portable. */
#define PHILOX_NAME reel_philox_draw__portable
#include "core/kernels/philox_impl.h"
