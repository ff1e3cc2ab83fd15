/* The fused multiply-add of avx512: one rounding. For template use (core/kernels/vector.h). */
#include <immintrin.h>

static inline __attribute__((unused)) vec muladd(vec a, vec b, vec c)
{
    if (sizeof(real) == sizeof(double))
        return (vec)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

static inline __attribute__((unused)) real muladd_one(real a, real b, real c)
{
    return sizeof(real) == sizeof(double) ? (real)__builtin_fma(a, b, c)
                                          : (real)__builtin_fmaf((float)a, (float)b, (float)c);
}
