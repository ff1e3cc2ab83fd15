/* The resize in vectors for AVX-512. */
#include "data/transforms/resize_internal.h"

#if defined(__x86_64__)
#define ISA avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define ROWS 4
#include "data/transforms/resize_vector.h"
#endif
