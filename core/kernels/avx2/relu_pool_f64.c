/* ReLU with max pooling for avx2 in double: vectors of 4. */
#include <stdint.h>
typedef double real;
typedef int64_t lane;
#define VL 4
#define RELU_POOL_NAME(pass) reel_relu_pool_##pass##_f64__avx2
#include "core/kernels/relu_pool_impl.h"
