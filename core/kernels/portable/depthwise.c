/* The depthwise convolution for portable: vectors of 4 floats. */
#define VL 4
#define DEPTHWISE_NAME(pass) reel_depthwise_##pass##__portable
#include "core/kernels/depthwise_impl.h"
