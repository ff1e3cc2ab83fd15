/* AVX2 with FMA: vectors of 32 bytes, blocks of 6 rows in the matrix product (6 x 2 accumulators
 * and what feeds them fill the 16 registers). A multiply-add rounds once. */
#ifndef REEL_CORE_KERNELS_AVX2_ISA_H
#define REEL_CORE_KERNELS_AVX2_ISA_H

#include <immintrin.h>

#define REEL_BLOCK_ROWS 6

typedef __m256 isa_f32;
typedef __m256d isa_f64;

/* a b + c, rounded once. */
static inline isa_f32 isa_muladd_f32(isa_f32 a, isa_f32 b, isa_f32 c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline isa_f64 isa_muladd_f64(isa_f64 a, isa_f64 b, isa_f64 c)
{
    return _mm256_fmadd_pd(a, b, c);
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
    const isa_f32 low = _mm256_unpacklo_ps(a, b), high = _mm256_unpackhi_ps(a, b);
    *first = _mm256_permute2f128_ps(low, high, 0x20);
    *second = _mm256_permute2f128_ps(low, high, 0x31);
}

/* Stores past the caches; p is aligned to the vector. */
static inline void isa_stream(float *p, isa_f32 v)
{
    _mm256_stream_ps(p, v);
}

/* Makes streamed stores visible to other threads. */
static inline void isa_stream_end(void)
{
    _mm_sfence();
}

#endif
