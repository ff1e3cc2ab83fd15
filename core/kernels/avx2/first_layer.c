/* The direct convolution of first layers for avx2: vectors of 8 floats, blocks of 6 rows by 16 columns. */
#define VL 8
#define MR 6
#define FIRST_LAYER_NAME(pass) reel_first_layer_##pass##__avx2
#include "core/kernels/first_layer_impl.h"
