/* ReLU with max pooling for portable in double: vectors of 2. */
#include <stdint.h>
typedef double real;
typedef int64_t lane;
#define VL 2
#define RELU_POOL_NAME(pass) reel_relu_pool_##pass##_f64__portable
#include "core/kernels/relu_pool_impl.h"
