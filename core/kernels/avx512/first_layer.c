/* The direct convolution of first layers for avx512: vectors of 16 floats, blocks of 14 rows by 32 columns. */
#define VL 16
#define MR 14
#define FIRST_LAYER_NAME(pass) reel_first_layer_##pass##__avx512
#include "core/kernels/first_layer_impl.h"
