/* The depthwise convolution for avx2: vectors of 8 floats. */
#define VL 8
#define DEPTHWISE_NAME(pass) reel_depthwise_##pass##__avx2
#include "core/kernels/depthwise_impl.h"
