/* Products of tiles of bf16 (AMX), of float32 numbers in limbs (limbs.h): 32 x 32 results at a
 * time, in four tiles of sums. Each step of 32 terms takes 24 tile products of 16 cycles, and 14
 * loads of tiles. Sums are float32, in the order that the unit has; denormals count as 0. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_TILES_H
#define REEL_CORE_KERNELS_TEMPLATES_TILES_H

#include "core/kernels/templates/limbs.h"

#include <stdbool.h>

/* Lines that are wanted soon: `lines` more at each step of the sum. */
typedef struct tile_ahead {
    const char *from;
    int64_t lines;
} tile_ahead;

/* A block of C, 32 x 32 or less: 1 or 2 tiles of rows by 1 or 2 of columns. Distances in bytes. */
typedef struct limb_block {
    int64_t steps;          /* TILE_TERMS terms each */
    const char *a;          /* tiles of A, as put_limbs makes them */
    int64_t a_next;         /* to the tiles below */
    const char *b;          /* three tiles of B a step, as put_limb_words makes them */
    int64_t b_step, b_next; /* to the next terms, and to the tiles on the right */
    float *c;
    int64_t c_row; /* in numbers */
    bool add;
    const char *then_a, *then_b; /* the operands of the next block */
    tile_ahead ahead;
} limb_block;

enum { LIMB_H = 0, LIMB_M = TILE_BYTES, LIMB_L = 2 * TILE_BYTES };

#define LOAD_A(piece)                                                                              \
    do {                                                                                           \
        TILE_LOAD(4, a + (piece), TILE_ROW_BYTES);                                                 \
        if (rows > 1)                                                                              \
            TILE_LOAD(5, a + j.a_next + (piece), TILE_ROW_BYTES);                                  \
    } while (0)
#define LOAD_B(piece)                                                                              \
    do {                                                                                           \
        TILE_LOAD(6, b + (piece), TILE_ROW_BYTES);                                                 \
        if (cols > 1)                                                                              \
            TILE_LOAD(7, b + j.b_next + (piece), TILE_ROW_BYTES);                                  \
    } while (0)

/* The tiles at hand; meanwhile two tiles of the next step come into the first-level cache. */
#define MULTIPLY_TILES(piece_a, piece_b)                                                           \
    do {                                                                                           \
        TILE_MULTIPLY(0, 4, 6);                                                                    \
        if (cols > 1)                                                                              \
            TILE_MULTIPLY(1, 4, 7);                                                                \
        if (rows > 1)                                                                              \
            TILE_MULTIPLY(2, 5, 6);                                                                \
        if (rows > 1 && cols > 1)                                                                  \
            TILE_MULTIPLY(3, 5, 7);                                                                \
        ask_tile(next_a + (piece_a));                                                              \
        ask_tile(next_b + (piece_b));                                                              \
    } while (0)

KERNEL_INLINE void ask_tile(const char *tile)
{
    UNROLLED_FOR(i, 16)
        __builtin_prefetch(tile + i * 64, 0, 3);
}

KERNEL_INLINE void add_tiles_to(const int rows, const int cols, const real *sums, real *c,
                                int64_t c_row)
{
    for (int i = 0; i < rows * TILE_ROWS; i++, sums += 2 * TILE_COLS, c += c_row)
        for (int k = 0; k < cols * TILE_COLS; k += TILE_COLS)
            store(c + k, load(c + k) + load(sums + k));
}

/* The products of limbs follow each other so that each needs one side anew: l h', m h', m m', h m',
 * h l', h h'. */
KERNEL_INLINE void multiply_limb_block(const limb_block *job, const int rows, const int cols)
{
    const limb_block j = *job;
    const char *a = j.a, *b = j.b, *wanted_soon = j.ahead.from;
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    for (int64_t step = 0; step < j.steps; step++) {
        const bool more = step + 1 < j.steps;
        const char *next_a = more ? a + STEP_OF_ROWS : j.then_a;
        const char *next_b = more ? b + j.b_step : j.then_b;
        LOAD_A(LIMB_L);
        LOAD_B(LIMB_H);
        MULTIPLY_TILES(LIMB_L, LIMB_H);
        LOAD_A(LIMB_M);
        MULTIPLY_TILES(j.a_next + LIMB_L, j.b_next + LIMB_H);
        LOAD_B(LIMB_M);
        MULTIPLY_TILES(LIMB_M, LIMB_M);
        LOAD_A(LIMB_H);
        MULTIPLY_TILES(j.a_next + LIMB_M, j.b_next + LIMB_M);
        LOAD_B(LIMB_L);
        MULTIPLY_TILES(LIMB_H, LIMB_L);
        LOAD_B(LIMB_H);
        MULTIPLY_TILES(j.a_next + LIMB_H, j.b_next + LIMB_L);

        a = next_a;
        b = next_b;
        for (int64_t i = 0; i < j.ahead.lines; i++, wanted_soon += 64)
            __builtin_prefetch(wanted_soon, 0, 2);
    }

    /* Added at the end: the unit would round at the full size of the sum six times a step. */
    real added[4 * TILE_ROWS * TILE_COLS] __attribute__((aligned(64)));
    real *const to = j.add ? added : j.c;
    const int64_t to_row = j.add ? 2 * TILE_COLS : j.c_row;
    real *const to_below = to + TILE_ROWS * to_row;
    TILE_STORE(0, to, to_row * 4);
    if (cols > 1)
        TILE_STORE(1, to + TILE_COLS, to_row * 4);
    if (rows > 1)
        TILE_STORE(2, to_below, to_row * 4);
    if (rows > 1 && cols > 1)
        TILE_STORE(3, to_below + TILE_COLS, to_row * 4);
    if (j.add)
        add_tiles_to(rows, cols, added, j.c, j.c_row);
}

#undef LOAD_A
#undef LOAD_B
#undef MULTIPLY_TILES

/* One function for each size. */
static void limb_block_1x1(const limb_block *j)
{
    multiply_limb_block(j, 1, 1);
}

static void limb_block_1x2(const limb_block *j)
{
    multiply_limb_block(j, 1, 2);
}

static void limb_block_2x1(const limb_block *j)
{
    multiply_limb_block(j, 2, 1);
}

static void limb_block_2x2(const limb_block *j)
{
    multiply_limb_block(j, 2, 2);
}

static void (*const limb_blocks[2][2])(const limb_block *j) = {{limb_block_1x1, limb_block_1x2},
                                                               {limb_block_2x1, limb_block_2x2}};

#endif
