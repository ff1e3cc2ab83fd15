/* The unit that multiplies tiles of bf16 (AMX), after vector.h in float. Denormals count as 0, as
 * operands, products and sums.
 *
 * A tile of A is 16 rows of 32 terms; a tile of B is 32 terms of 16 columns, a word of 32 bits
 * for two terms of the sum. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_TILE_UNIT_H
#define REEL_CORE_KERNELS_TEMPLATES_TILE_UNIT_H

#include "core/kernels/templates/vector.h"

#include <immintrin.h>

enum {
    TILE_ROWS = 16,
    TILE_COLS = 16,
    TILE_TERMS = 32,
    TILE_ROW_BYTES = 64,
    TILE_BYTES = TILE_ROWS * TILE_ROW_BYTES
};

typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

/* All eight tiles are whole. A thread calls it before it multiplies, and tiles_end afterwards. */
KERNEL_INLINE void tiles_begin(void)
{
    tile_config c = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        c.row_bytes[i] = TILE_ROW_BYTES;
        c.rows[i] = TILE_ROWS;
    }
    __asm__ volatile("ldtilecfg %0" : : "m"(c) : "memory");
}

KERNEL_INLINE void tiles_end(void)
{
    __asm__ volatile("tilerelease" : : : "memory");
}

#define TILE_ZERO(t) __asm__ volatile("tilezero %%tmm" #t : : : "memory")
#define TILE_LOAD(t, from, row)                                                                    \
    __asm__ volatile("tileloadd (%0,%1), %%tmm" #t : : "r"(from), "r"((int64_t)(row)) : "memory")
#define TILE_STORE(t, to, row)                                                                     \
    __asm__ volatile("tilestored %%tmm" #t ", (%0,%1)" ::"r"(to), "r"((int64_t)(row)) : "memory")
#define TILE_MULTIPLY(c, a, b)                                                                     \
    __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c : : : "memory")

/* 16 x 16 words, transposed. */
KERNEL_INLINE void transpose_words(__m512i v[16])
{
    __m512i t[16];
    UNROLLED_FOR(i, 8) {
        t[2 * i] = _mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
    }
    UNROLLED_FOR(i, 4) {
        v[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        v[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        v[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        v[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }

    /* v[4 i + c] holds, in its 128-bit lane q, column 4 q + c of rows 4 i to 4 i + 3. */
    UNROLLED_FOR(c, 4) {
        t[c] = _mm512_shuffle_i32x4(v[c], v[4 + c], 0x88);
        t[4 + c] = _mm512_shuffle_i32x4(v[c], v[4 + c], 0xdd);
        t[8 + c] = _mm512_shuffle_i32x4(v[8 + c], v[12 + c], 0x88);
        t[12 + c] = _mm512_shuffle_i32x4(v[8 + c], v[12 + c], 0xdd);
    }
    UNROLLED_FOR(c, 4) {
        v[c] = _mm512_shuffle_i32x4(t[c], t[8 + c], 0x88);
        v[8 + c] = _mm512_shuffle_i32x4(t[c], t[8 + c], 0xdd);
        v[4 + c] = _mm512_shuffle_i32x4(t[4 + c], t[12 + c], 0x88);
        v[12 + c] = _mm512_shuffle_i32x4(t[4 + c], t[12 + c], 0xdd);
    }
}

#endif
