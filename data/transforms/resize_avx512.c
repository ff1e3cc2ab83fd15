/* The resize in vectors for AVX-512. */
#include "data/transforms/resize_internal.h"

#if defined(__x86_64__)
#define NAME(x) x##_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define ROWS 4
#include "data/transforms/resize_vector.h"
#else
bool reel_resize_across_avx512(uint8_t *dst, int64_t dst_stride, const reel_view *src, int64_t rows,
                               const reel_axis *h)
{
    (void)dst, (void)dst_stride, (void)src, (void)rows, (void)h;
    return false;
}

bool reel_resize_down_avx512(uint8_t *dst, const uint8_t *src, int64_t stride, int64_t n,
                             const int32_t *weight, int64_t count)
{
    (void)dst, (void)src, (void)stride, (void)n, (void)weight, (void)count;
    return false;
}
#endif
