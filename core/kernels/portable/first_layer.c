/* The direct convolution of first layers for portable: vectors of 4 floats, blocks of 6 rows by 8 columns. */
#define VL 4
#define MR 6
#define FIRST_LAYER_NAME(pass) reel_first_layer_##pass##__portable
#include "core/kernels/first_layer_impl.h"
