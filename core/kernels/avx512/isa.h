/* AVX-512 (F, BW, DQ, VL): vectors of 64 bytes, blocks of 14 x 2 or 6 x 4 accumulators in the
 * matrix product, which with what feeds them fill the 32 registers. A multiply-add rounds once. */
#ifndef REEL_CORE_KERNELS_AVX512_ISA_H
#define REEL_CORE_KERNELS_AVX512_ISA_H

#include <immintrin.h>

#define REEL_BLOCK_ROWS 14

typedef __m512 isa_f32;
typedef __m512d isa_f64;

/* a b + c, rounded once. */
static inline isa_f32 isa_muladd_f32(isa_f32 a, isa_f32 b, isa_f32 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline isa_f64 isa_muladd_f64(isa_f64 a, isa_f64 b, isa_f64 c)
{
    return _mm512_fmadd_pd(a, b, c);
}

static inline float isa_muladd_one_f32(float a, float b, float c)
{
    return __builtin_fmaf(a, b, c);
}

static inline double isa_muladd_one_f64(double a, double b, double c)
{
    return __builtin_fma(a, b, c);
}

/* The numbers of a and b by turns, a[0] b[0] a[1] b[1] ...: the first half, and the second. */
static inline void isa_interleave(isa_f32 a, isa_f32 b, isa_f32 *first, isa_f32 *second)
{
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    *first = _mm512_permutex2var_ps(a, low, b);
    *second = _mm512_permutex2var_ps(a, _mm512_add_epi32(low, _mm512_set1_epi32(8)), b);
}

/* As many bytes as a vector has floats, each in a lane of its own. */
static inline __m512i isa_widen_bytes(const void *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(p));
}

/* Two products of bf16 a lane, added to c: the terms in the lower halves last. Denormals count as
 * 0, in operands, products and sums. */
#ifdef __AVX512BF16__
static inline isa_f32 isa_dot2(isa_f32 c, __m512i a, __m512i b)
{
    return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b);
}
#define ISA_DOT2(c, a, b) isa_dot2(c, (__m512i)(a), (__m512i)(b))

/* Both vectors rounded to bf16, one behind the other. Denormals become 0, as in isa_dot2. */
static inline __m512i isa_round_pair(isa_f32 first, isa_f32 second)
{
    return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}

/* The first half's numbers in the lower halves of words, the second's in the upper ones. */
static inline __m512i isa_pair_to_words(__m512i pair)
{
    const __m512i step = _mm512_set1_epi32(0x00010001);
    const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i places =
        _mm512_add_epi32(_mm512_mullo_epi32(first, step), _mm512_set1_epi32(16 << 16));
    return _mm512_permutexvar_epi16(places, pair);
}
#endif

/* Stores past the caches; p is aligned to the vector. */
static inline void isa_stream(float *p, isa_f32 v)
{
    _mm512_stream_ps(p, v);
}

/* Makes streamed stores visible to other threads. */
static inline void isa_stream_end(void)
{
    _mm_sfence();
}

#endif
