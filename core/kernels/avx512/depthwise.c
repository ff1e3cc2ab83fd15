/* The depthwise convolution for avx512: vectors of 16 floats. */
#define VL 16
#define DEPTHWISE_NAME(pass) reel_depthwise_##pass##__avx512
#include "core/kernels/depthwise_impl.h"
