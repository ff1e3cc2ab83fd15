/* ReLU with max pooling for avx512 in float: vectors of 16. */
#include <stdint.h>
typedef float real;
typedef int32_t lane;
#define VL 16
#define RELU_POOL_NAME(pass) reel_relu_pool_##pass##_f32__avx512
#include "core/kernels/relu_pool_impl.h"
