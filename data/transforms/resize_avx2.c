/* The resize in vectors for AVX2. */
#include "data/transforms/resize_internal.h"

#if defined(__x86_64__)
#define ISA avx2
#define TARGET __attribute__((target("avx2")))
#define ROWS 2
#include "data/transforms/resize_vector.h"
#endif
