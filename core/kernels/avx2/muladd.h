/* The fused multiply-add of avx2: one rounding. For template use (core/kernels/vector.h). */
#include <immintrin.h>

static inline __attribute__((unused)) vec muladd(vec a, vec b, vec c)
{
    if (sizeof(real) == sizeof(double))
        return (vec)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}

static inline __attribute__((unused)) real muladd_one(real a, real b, real c)
{
    return sizeof(real) == sizeof(double) ? (real)__builtin_fma(a, b, c)
                                          : (real)__builtin_fmaf((float)a, (float)b, (float)c);
}
