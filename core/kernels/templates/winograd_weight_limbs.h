/* The products of the Winograd weight gradient by tiles of bf16 (tiles.h): for each point D^T V, a
 * sum over the tiles of the image. A thread brings a point's V and D into limbs in its second-level
 * cache and multiplies them there. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_WINOGRAD_WEIGHT_LIMBS_H
#define REEL_CORE_KERNELS_TEMPLATES_WINOGRAD_WEIGHT_LIMBS_H

#include "core/kernels/templates/tiles.h"

#include "core/kernels/winograd.h"

/* A sum over `count` terms in `steps` tiles, zeros behind the last. */
typedef struct sum_range {
    int64_t count, steps;
} sum_range;

KERNEL_INLINE vec term_or_zero(const float *row, int64_t ld, int64_t term, sum_range sum)
{
    return term < sum.count ? load(row + term * ld) : (vec){0};
}

/* 32 terms of 16 columns, ld floats from term to term, to three tiles of B. */
KERNEL_INLINE void terms_to_tiles(const float *from, int64_t ld, int64_t first, sum_range sum,
                                  char *to)
{
    for (int64_t t = first; t < first + TILE_TERMS; t += 2, to += TILE_ROW_BYTES)
        put_limb_words(to, term_or_zero(from, ld, t, sum), term_or_zero(from, ld, t + 1, sum));
}

/* V: panels of `width` channels, term after term in each. */
static void columns_to_limbs(const float *v, int64_t width, sum_range sum, char *b)
{
    for (int64_t s = 0; s < sum.steps; s++)
        for (int64_t c = 0; c < width; c += TILE_COLS)
            terms_to_tiles(v + c, width, s * TILE_TERMS, sum,
                           b + (2 * s + c / TILE_COLS) * LIMBS * TILE_BYTES);
}

/* D: a row for each term, `rows` channels, which become the rows of A. */
static void rows_to_limbs(const float *d, int64_t rows, sum_range sum, char *a)
{
    char tiles[LIMBS * TILE_BYTES] __attribute__((aligned(64)));
    for (int64_t s = 0; s < sum.steps; s++)
        for (int64_t r = 0; r < rows; r += TILE_ROWS) {
            char *to = row_of_tiles(a, r, sum.steps) + s * STEP_OF_ROWS;
            terms_to_tiles(d + r, rows, s * TILE_TERMS, sum, tiles);
            for (int limb = 0; limb < LIMBS; limb++)
                transpose_tile(tiles + limb * TILE_BYTES, to + limb * TILE_BYTES);
        }
}

/* C (rows x cols, in panels of 32 columns, row after row in each) = A B, or added to C. */
typedef struct weight_product {
    int64_t rows, cols, steps;
    const char *a, *b;
    float *c;
    bool add;
} weight_product;

static void multiply_limbs(const weight_product *w)
{
    const int64_t below = w->steps * STEP_OF_ROWS, panel = 2 * w->steps * STEP_OF_ROWS;
    for (int64_t c = 0; c < w->cols; c += NR)
        for (int64_t r = 0; r < w->rows; r += 2 * TILE_ROWS) {
            const int64_t width = least(NR, w->cols - c);
            const char *a = w->a + r / TILE_ROWS * below, *b = w->b + c / NR * panel;
            const bool last = r + 2 * TILE_ROWS >= w->rows;
            float *to = w->c + c * w->rows + r * width;
            const limb_block j = {
                .steps = w->steps,
                .a = a,
                .a_next = below,
                .b = b,
                .b_step = 2 * STEP_OF_ROWS,
                .b_next = STEP_OF_ROWS,
                .c = to,
                .c_row = width,
                .add = w->add,
                .then_a = last ? w->a : a + 2 * below,
                .then_b = last ? b + panel : b,
                .ahead = {(const char *)(to + 2 * TILE_ROWS * width),
                          w->add ? (2 * TILE_ROWS + w->steps - 1) / w->steps * 2 : 0}};
            limb_blocks[w->rows - r > TILE_ROWS][width > TILE_COLS](&j);
        }
}

#endif
