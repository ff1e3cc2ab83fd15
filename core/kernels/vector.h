/* Vectors of VL reals over GCC's vector types, for template use: one text serves every instruction set. */
typedef real vec __attribute__((vector_size(VL * sizeof(real))));
typedef real vec_unaligned __attribute__((vector_size(VL * sizeof(real)), aligned(sizeof(real)), may_alias));

static inline vec load(const real *p)
{
    return *(const vec_unaligned *)p;
}

static inline void store(real *p, vec v)
{
    *(vec_unaligned *)p = v;
}

/* All lanes x. The subtraction is exact for every x, -0 included, and compilers leave it out. */
static inline vec broadcast(real x)
{
    return x - (vec){0};
}

/* muladd(a, b, c) = a b + c lane by lane, and muladd_one of single numbers. Both round once where the instruction set has a fused
 * multiply-add and twice in the portable kernels; nothing else here is ever contracted (-ffp-contract=off). */
#if defined(__AVX512F__)
#include "core/kernels/avx512/muladd.h"
#elif defined(__FMA__)
#include "core/kernels/avx2/muladd.h"
#else
#include "core/kernels/portable/muladd.h"
#endif

/* A store that goes past the caches where the instruction set has one; p is aligned to the vector. stream_end comes after the
 * last one, before others read. */
static inline __attribute__((unused)) void stream(real *p, vec v)
{
    typedef float floats __attribute__((vector_size(sizeof(vec))));
#if defined(__clang__)
    __builtin_nontemporal_store((floats)v, (floats *)p);
#elif defined(__AVX512F__)
    __builtin_ia32_movntps512((float *)p, (floats)v);
#elif defined(__AVX__)
    __builtin_ia32_movntps256((float *)p, (floats)v);
#else
    *(floats *)p = (floats)v;
#endif
}

static inline __attribute__((unused)) void stream_end(void)
{
#if defined(__SSE__)
    __builtin_ia32_sfence();
#endif
}
