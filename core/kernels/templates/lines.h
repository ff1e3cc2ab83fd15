/* The micro-kernel of strided input gradients: pixels that lie anywhere times packed weights.
 *
 *   C (rows x cols) = begun + A B, or added to C;  A(i, p) = a[from[i] + p]
 *   B in panels of NR columns: b[p NR + j]
 *
 * Where there are 32 registers, two panels are multiplied together. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_LINES_H
#define REEL_CORE_KERNELS_TEMPLATES_LINES_H

#include "core/kernels/templates/vector.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    LINE_COLS = WIDE_ROWS > 0 ? 2 * NR : NR, /* most columns of a block, */
    LINE_ROWS = 6,                           /* and most rows */
    LINE_TERMS = 8,                          /* of the sum, in one turn of the loop */
    LINE_REALS = 64 / sizeof(float)          /* of a cache line */
};

/* Where the pixels of a tile lie: floats from the start of what is read and written. */
typedef struct line_rows {
    const int64_t *from, *to;
} line_rows;

typedef struct line_product {
    int64_t k; /* a multiple of LINE_TERMS */
    const float *a;
    line_rows at;
    const float *b;
    int64_t b_next;     /* from a panel of B to the one beside it */
    const float *begun; /* what the sums begin with, rows LINE_COLS apart; NULL: with zeros */
    float *c;
    bool in_place; /* at.to says where rows of C lie; else they are LINE_COLS apart */
    bool add;
    /* Asked for line by line: weights, and what the next block reads of its rows. */
    const float *next, *coming;
    const int64_t *coming_rows;
} line_product;

KERNEL_INLINE void line_block(const line_product *job, const int rows, const int cols)
{
    const line_product j = *job;
    const float *b = j.b, *b2 = j.b + j.b_next, *next = j.next, *a[LINE_ROWS];
    vec s[LINE_ROWS][4];
    UNROLLED_FOR(i, rows)
        a[i] = j.a + j.at.from[i];
    UNROLLED_FOR(i, rows)
        UNROLLED_FOR(t, cols)
            s[i][t] = j.begun ? load(j.begun + i * LINE_COLS + t * VL) : (vec){0};

    for (int64_t p = 0; p < j.k; p += LINE_TERMS) {
        UNROLLED_FOR(q, LINE_TERMS) {
            vec bv[4];
            UNROLLED_FOR(t, cols)
                bv[t] = load((t < 2 ? b : b2) + q * NR + t % 2 * VL);
            UNROLLED_FOR(i, rows) {
                const vec av = broadcast(a[i][p + q]);
                UNROLLED_FOR(t, cols)
                    s[i][t] = muladd(av, bv[t], s[i][t]);
                keep_alive(av);
            }
            UNROLLED_FOR(t, cols)
                keep_alive(bv[t]);
        }
        b += LINE_TERMS * NR;
        b2 += LINE_TERMS * NR;
        __builtin_prefetch(next, 0, 2);
        __builtin_prefetch(next + LINE_REALS, 0, 2);
        next += 2 * LINE_REALS;

        /* A cache line is two turns: half of the next block's rows in each. */
        const int64_t *half = j.coming_rows + p / LINE_TERMS % 2 * (LINE_ROWS / 2);
        UNROLLED_FOR(i, LINE_ROWS / 2)
            __builtin_prefetch(j.coming + half[i] + p, 0, 3);
    }

    UNROLLED_FOR(i, rows)
        UNROLLED_FOR(t, cols) {
            float *to = j.c + (j.in_place ? j.at.to[i] : i * LINE_COLS) + t * VL;
            store(to, j.add ? load(to) + s[i][t] : s[i][t]);
        }
}

/* One function for each number of rows, one panel wide; two where registers allow. */
#define LINE_BLOCK(ROWS, COLS)                                                                     \
    static void line_##ROWS##x##COLS(const line_product *j)                                        \
    {                                                                                              \
        line_block(j, ROWS, COLS);                                                                 \
    }
LINE_BLOCK(1, 2)
LINE_BLOCK(2, 2)
LINE_BLOCK(3, 2)
LINE_BLOCK(4, 2)
LINE_BLOCK(5, 2)
LINE_BLOCK(6, 2)
#if REEL_BLOCK_ROWS > 6
LINE_BLOCK(1, 4)
LINE_BLOCK(2, 4)
LINE_BLOCK(3, 4)
LINE_BLOCK(4, 4)
LINE_BLOCK(5, 4)
LINE_BLOCK(6, 4)
#endif

typedef void line_kernel(const line_product *j);
static line_kernel *const line_kernels[2][LINE_ROWS + 1] = {
    {NULL, line_1x2, line_2x2, line_3x2, line_4x2, line_5x2, line_6x2},
#if REEL_BLOCK_ROWS > 6
    {NULL, line_1x4, line_2x4, line_3x4, line_4x4, line_5x4, line_6x4},
#endif
};

/* `rows` pixels, NR or LINE_COLS wide, dealt out evenly over blocks. at.from has LINE_ROWS offsets
 * more than that. */
static inline void line_panel(line_product j, int64_t rows, int64_t width)
{
    const int64_t blocks = (rows + LINE_ROWS - 1) / LINE_ROWS, *first = j.at.from;
    for (int64_t i = 0, row = 0; i < blocks; i++) {
        const int64_t take = (rows - row + blocks - i - 1) / (blocks - i);
        const bool last = i == blocks - 1;
        j.coming = last ? j.a + j.k : j.a;
        j.coming_rows = last ? first : j.at.from + take;
        line_kernels[width > NR][take](&j);
        j.at.from += take;
        j.at.to += take;
        j.c += j.in_place ? 0 : take * LINE_COLS;
        j.next += j.k / LINE_TERMS * 2 * LINE_REALS;
        if (j.begun)
            j.begun += take * LINE_COLS;
        row += take;
    }
}

#endif
