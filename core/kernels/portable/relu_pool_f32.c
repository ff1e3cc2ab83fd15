/* ReLU with max pooling for portable in float: vectors of 4. */
#include <stdint.h>
typedef float real;
typedef int32_t lane;
#define VL 4
#define RELU_POOL_NAME(pass) reel_relu_pool_##pass##_f32__portable
#include "core/kernels/relu_pool_impl.h"
