/* The block of a product with bf16 operands, and A's words, for a unit that multiplies tiles
 * (tile_unit.h). Both sides have whole tiles of words; zeros fill them up. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_BF16_TILES_H
#define REEL_CORE_KERNELS_TEMPLATES_BF16_TILES_H

#include "core/kernels/templates/tile_unit.h"

#include <stdbool.h>

enum { TILE_WORDS = TILE_TERMS / 2 };

/* 16 or 32 rows of A, `a_row` words apart, times a panel of 32 columns of B: sums at c, or added to
 * it. */
typedef struct bf16_tiles {
    int64_t words;
    const uint32_t *a;
    int64_t a_row;
    const uint32_t *b;
    float *c;
    int64_t ldc;
    bool add;
} bf16_tiles;

KERNEL_INLINE void bf16_multiply_tiles(const bf16_tiles j, const bool two)
{
    const int64_t a_row = j.a_row * (int64_t)sizeof *j.a, b_row = NR * (int64_t)sizeof *j.b;
    const int64_t c_row = j.ldc * (int64_t)sizeof *j.c;
    float *below = j.c + TILE_ROWS * j.ldc;
    if (j.add) {
        TILE_LOAD(0, j.c, c_row);
        TILE_LOAD(1, j.c + TILE_COLS, c_row);
        if (two) {
            TILE_LOAD(2, below, c_row);
            TILE_LOAD(3, below + TILE_COLS, c_row);
        }
    } else {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
    }

    for (int64_t q = 0; q < j.words; q += TILE_WORDS) {
        TILE_LOAD(4, j.a + q, a_row);
        TILE_LOAD(6, j.b + q * NR, b_row);
        TILE_MULTIPLY(0, 4, 6);
        TILE_LOAD(7, j.b + q * NR + TILE_COLS, b_row);
        TILE_MULTIPLY(1, 4, 7);
        if (two) {
            TILE_LOAD(5, j.a + TILE_ROWS * j.a_row + q, a_row);
            TILE_MULTIPLY(2, 5, 6);
            TILE_MULTIPLY(3, 5, 7);
        }
    }

    TILE_STORE(0, j.c, c_row);
    TILE_STORE(1, j.c + TILE_COLS, c_row);
    if (two) {
        TILE_STORE(2, below, c_row);
        TILE_STORE(3, below + TILE_COLS, c_row);
    }
}

#endif
