/* float32 numbers as sums of three bf16 numbers, and how they lie in tiles.
 *
 * A float32 number has 24 bits, a bf16 number 8. So x = h + m + l exactly: h is x rounded to bf16,
 * m is x - h rounded to bf16, and l is the rest. These are the limbs of x. Of the nine products in
 * (h + m + l) (h' + m' + l'), six are computed; the other three are at most 2^-23 |x x'|, on
 * average 2^-26 (Henry, Tang and Heinecke 2019, "Leveraging the bfloat16 artificial intelligence
 * datatype for higher-precision computations").
 *
 * A limb below 2^-126 counts as 0. An infinity becomes NaN, since its second limb is inf - inf. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_LIMBS_H
#define REEL_CORE_KERNELS_TEMPLATES_LIMBS_H

#include "core/kernels/templates/tile_unit.h"

#include <stdbool.h>

enum { LIMBS = 3 /* h, m, l */ };

/* ---- limbs ---- */

typedef struct limbs {
    __m512i h, m, l; /* float32 numbers whose lower halves are 0 */
} limbs;

/* x to the nearest bf16, halves away from 0. */
KERNEL_INLINE __m512i upper_half(vec x)
{
    const __m512i half = _mm512_set1_epi32(0x8000), mask = _mm512_set1_epi32((int)0xffff0000);
    return _mm512_and_si512(_mm512_add_epi32((__m512i)x, half), mask);
}

/* Both differences are exact. */
KERNEL_INLINE limbs split(vec x)
{
    limbs p;
    p.h = upper_half(x);
    const vec rest = x - (vec)p.h;
    p.m = upper_half(rest);
    p.l = (__m512i)(rest - (vec)p.m);
    return p;
}

/* Two terms of the sum as words: the first in the lower halves. */
KERNEL_INLINE __m512i limb_words(__m512i first, __m512i second)
{
    const __m512i upper = _mm512_set4_epi32(0x0f0e0f0e, 0x0b0a0b0a, 0x07060706, 0x03020302);
    return _mm512_mask_shuffle_epi8(second, 0x3333333333333333, first, upper);
}

/* 32 terms of a sum, as bf16. */
KERNEL_INLINE __m512i limb_line(__m512i first, __m512i second)
{
    return (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
}

/* Tiles of A: for 16 rows and 32 terms one tile of h, one of m, one of l; for a sum of more terms
 * the next ones follow. */
enum { STEP_OF_ROWS = LIMBS * TILE_BYTES };

/* Where row `row` begins in tiles of A whose sums have `steps` times 32 terms. */
KERNEL_INLINE char *row_of_tiles(void *a, int64_t row, int64_t steps)
{
    return (char *)a + row / TILE_ROWS * steps * STEP_OF_ROWS + row % TILE_ROWS * TILE_ROW_BYTES;
}

/* 32 numbers, which follow each other in a sum, into a row of tiles of A. */
KERNEL_INLINE void put_limbs(char *to, vec first, vec second)
{
    const limbs p = split(first), q = split(second);
    _mm512_storeu_si512(to, limb_line(p.h, q.h));
    _mm512_storeu_si512(to + TILE_BYTES, limb_line(p.m, q.m));
    _mm512_storeu_si512(to + 2 * TILE_BYTES, limb_line(p.l, q.l));
}

/* A row of a tile of B: two terms of 16 columns, in the three tiles of their limbs. */
KERNEL_INLINE void put_limb_words(char *to, vec first, vec second)
{
    const limbs p = split(first), q = split(second);
    _mm512_storeu_si512(to, limb_words(p.h, q.h));
    _mm512_storeu_si512(to + TILE_BYTES, limb_words(p.m, q.m));
    _mm512_storeu_si512(to + 2 * TILE_BYTES, limb_words(p.l, q.l));
}

/* A tile of B becomes the tile of A with the same terms, and back. */
KERNEL_INLINE void transpose_tile(const char *from, char *to)
{
    __m512i v[TILE_ROWS];
    UNROLLED_FOR(i, TILE_ROWS)
        v[i] = _mm512_loadu_si512(from + i * TILE_ROW_BYTES);
    transpose_words(v);
    UNROLLED_FOR(i, TILE_ROWS)
        _mm512_storeu_si512(to + i * TILE_ROW_BYTES, v[i]);
}

#endif
