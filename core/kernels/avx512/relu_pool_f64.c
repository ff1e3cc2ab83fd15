/* ReLU with max pooling for avx512 in double: vectors of 8. */
#include <stdint.h>
typedef double real;
typedef int64_t lane;
#define VL 8
#define RELU_POOL_NAME(pass) reel_relu_pool_##pass##_f64__avx512
#include "core/kernels/relu_pool_impl.h"
