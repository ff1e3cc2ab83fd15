/* ReLU with max pooling for avx2 in float: vectors of 8. */
#include <stdint.h>
typedef float real;
typedef int32_t lane;
#define VL 8
#define RELU_POOL_NAME(pass) reel_relu_pool_##pass##_f32__avx2
#include "core/kernels/relu_pool_impl.h"
