/* Arrays of bf16: to float32 and back, and the matrix product with bf16 operands and float32 sums.
 * Private to core. */
#ifndef REEL_CORE_KERNELS_BF16_H
#define REEL_CORE_KERNELS_BF16_H

#include "core/bf16.h"
#include "core/ctx.h"
#include "core/kernels/widest.h"

/* n values. Conversion is exact one way and rounds to nearest, ties to even, the other way, with
 * the same bits on every instruction set. The arrays do not overlap. */
void reel_bf16_widen(const reel_ctx *ctx, const reel_bf16 *from, float *to, int64_t n);
void reel_bf16_round(const reel_ctx *ctx, const float *from, reel_bf16 *to, int64_t n);

/* ---- C (m x n) = A (m x k) B (k x n), rounded to bf16 what comes as float32 ---- */

/* A: element (i, p); B: element (p, i). `along`: at data[p ld + i], where i lies side by side; else
 * at data[i ld + p]. */
typedef struct reel_bf16_operand {
    const void *data;
    int64_t ld;
    bool along, wide; /* wide: float32 */
} reel_bf16_operand;

/* Products of two bf16 are exact in float32. Sums are float32, in an order that k and the
 * instruction set decide: pairs of terms in order, of a pair the later term first; blocks of
 * REEL_BF16_DEPTH terms added up in order. Tiles (amx) instead add up the first terms of 16 pairs,
 * and the second ones, and add both to the sum before.
 *
 * A is the long side: its rows are shared out, and converted on the way, once for every
 * REEL_BF16_STRIP columns of C. B is packed as a whole. */
typedef struct reel_bf16_product {
    int64_t m, n, k; /* k: at least 1 */
    reel_bf16_operand a, b;
    const float *bias;       /* m values, one a row, or NULL */
    bool relu;               /* max(C, 0); NaN stays NaN */
    bool accumulate, rounds; /* add to what C holds; C is bf16, else float32 */
    void *c;
    int64_t c_row, c_col; /* element (i, j) at c[i c_row + j c_col]; one of them is 1 */
    void *scratch;        /* reel_bf16_product_scratch bytes, aligned to REEL_ALIGNMENT */
    /* The sum over k is one of so many equal pieces, which divide k: each is a product of its own,
     * and their results are added up along the tree of core/pieces.h. 0 or 1: one sum. */
    int64_t pieces;
} reel_bf16_product;

/* Reads m, n, k and pieces. */
size_t reel_bf16_product_scratch(const reel_ctx *ctx, const reel_bf16_product *p);
/* Only where reel_bf16_is_multiplied. */
void reel_bf16_multiply(const reel_ctx *ctx, const reel_bf16_product *p);

/* ---- y (n x m) = x (n x k) w^T + bias for few rows of x and a long w (m x k) ---- */

enum { REEL_BF16_FEW = 8 }; /* rows of x, at most */

/* Whether the products of a layer with so many rows of x run in bf16: where
 * reel_ctx_multiplies_bf16. A few rows are limited by reading the weights, which bf16's product
 * would pack. */
bool reel_bf16_is_multiplied(const reel_ctx *ctx, int64_t rows);

/* Row-major without gaps. Sums are float32, in an order that k and the instruction set decide; a
 * row of y does not depend on n. */
typedef struct reel_bf16_dots_job {
    int64_t n, m, k;
    const float *x;
    const reel_bf16 *w;
    const float *bias; /* m values, or NULL */
    float *y;
} reel_bf16_dots_job;

void reel_bf16_dots(const reel_ctx *ctx, const reel_bf16_dots_job *job);

/* ---- the plan, shared with templates/bf16_product.c ---- */
enum {
    REEL_BF16_DEPTH = 512, /* terms of a block, two a word */
    REEL_BF16_ROWS = 112,  /* rows of A packed at a time */
    REEL_BF16_STRIP = 512, /* columns whose sums a thread keeps */
    REEL_BF16_PANEL = REEL_WIDEST_PANEL,
    REEL_BF16_PAD = 16 /* words between packed rows, so that they do not collide in a cache set */
};

/* Words of 32 bits. */
typedef struct reel_bf16_plan {
    int64_t pieces, depth; /* of a piece: terms */
    int64_t piece_words;   /* of a column of B, for one piece */
    int64_t tile_words;    /* the same in whole tiles (templates/bf16_tiles.h) */
    int64_t columns;       /* n in whole panels */
    int64_t strip;         /* columns of a strip, in whole panels */
    int64_t levels;        /* of partial sums */
    size_t b_words, a_words, sum_words;
} reel_bf16_plan;

reel_bf16_plan reel_bf16_plan_of(const reel_bf16_product *p);

#endif
