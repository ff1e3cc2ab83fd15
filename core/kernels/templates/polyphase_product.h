/* The micro-kernel of the polyphase convolution, for matrices that stay in a core's caches and sums
 * of a few dozen terms.
 *
 *   C (rows x cols) = A B, or added to C.
 *   near: A(i, p) = a[i + p a_step], as V lies in the weight gradient
 *   else: A(i, p) = a[i a_row + p],  as V lies in forward;  B(p, j) = b[p ldb + j]
 *
 * So short a sum leaves no time for bookkeeping: rows and columns are constants, rows of A that
 * are apart are reached from every fourth one, and each term asks for one line or two of what comes
 * next.
 */
#ifndef REEL_CORE_KERNELS_TEMPLATES_POLYPHASE_PRODUCT_H
#define REEL_CORE_KERNELS_TEMPLATES_POLYPHASE_PRODUCT_H

#include "core/kernels/templates/polyphase_input.h"

enum { PHASE_COLS = PHASE_PANEL / VL };
_Static_assert(PHASE_ROWS == 6, "the kernels below");

typedef struct phase_product {
    int64_t k;
    const float *a;
    int64_t a_row, a_step;
    const float *b;
    int64_t ldb;
    float *c;
    int64_t ldc;
    bool add;
    const float *next;    /* memory that is wanted soon */
    rows_ahead *ahead[2]; /* memory that is wanted later */
} phase_product;

KERNEL_INLINE void phase_block(const phase_product *job, const int rows, const int cols,
                               const bool near)
{
    const int lines = near || cols * VL <= 2 * CACHE_LINE ? 1 : 2;
    const int64_t k = job->k, a_row = job->a_row, a_step = near ? job->a_step : 1,
                  ldb = near ? job->ldb : cols * VL;
    const float *row[(PHASE_ROWS + 3) / 4], *b = job->b, *next = job->next;
    vec s[PHASE_ROWS][PHASE_COLS];
    UNROLLED_FOR(i, (rows + 3) / 4)
        row[i] = near ? job->a + 4 * i : job->a + 4 * i * a_row;
    UNROLLED_FOR(i, rows)
        UNROLLED_FOR(t, cols)
            s[i][t] = (vec){0};

    for (int64_t p = 0; p < k; p++) {
        vec bv[PHASE_COLS];
        UNROLLED_FOR(t, cols)
            bv[t] = load(b + t * VL);
        UNROLLED_FOR(i, rows) {
            const vec av = broadcast(near ? row[0][i] : row[i / 4][i % 4 * a_row]);
            UNROLLED_FOR(t, cols)
                s[i][t] = muladd(av, bv[t], s[i][t]);
        }
        UNROLLED_FOR(i, (rows + 3) / 4)
            row[i] += a_step;
        b += ldb;
        UNROLLED_FOR(i, lines)
            __builtin_prefetch(next + i * CACHE_LINE, 0, 3);
        next += lines * CACHE_LINE;
    }

    float *c = job->c;
    const int64_t ldc = job->ldc;
    const bool add = job->add;
    UNROLLED_FOR(i, rows) {
        UNROLLED_FOR(t, cols)
            store(c + t * VL, add ? load(c + t * VL) + s[i][t] : s[i][t]);
        c += ldc;
    }
}

/* For each number of vectors in a row: one to six rows. */
#define PHASE_BLOCK(ROWS, COLS)                                                                    \
    static void phase_##ROWS##x##COLS(const phase_product *j)                                      \
    {                                                                                              \
        phase_block(j, ROWS, COLS, PHASE_NEAR);                                                    \
    }
#define PHASE_BLOCKS(COLS)                                                                         \
    PHASE_BLOCK(1, COLS)                                                                           \
    PHASE_BLOCK(2, COLS)                                                                           \
    PHASE_BLOCK(3, COLS)                                                                           \
    PHASE_BLOCK(4, COLS)                                                                           \
    PHASE_BLOCK(5, COLS)                                                                           \
    PHASE_BLOCK(6, COLS)
PHASE_BLOCKS(1)
PHASE_BLOCKS(2)
#if REEL_BLOCK_ROWS > 6
PHASE_BLOCKS(3)
PHASE_BLOCKS(4)
#endif

#define PHASE_ENTRY(COLS)                                                                          \
    [COLS] = {NULL,           phase_1x##COLS, phase_2x##COLS, phase_3x##COLS,                      \
              phase_4x##COLS, phase_5x##COLS, phase_6x##COLS}
static void (*const phase_kernels[PHASE_COLS + 1][PHASE_ROWS + 1])(const phase_product *j) = {
    PHASE_ENTRY(1),
    PHASE_ENTRY(2),
#if REEL_BLOCK_ROWS > 6
    PHASE_ENTRY(3),
    PHASE_ENTRY(4),
#endif
};

/* All `rows` rows of a panel, dealt out evenly over blocks. Each asks for its lines of `next`;
 * where it is added to C, for the sums below. */
static inline void phase_panel(phase_product *j, int64_t rows, int64_t width)
{
    for (int64_t blocks = blocks_of(rows); blocks > 0; blocks--) {
        const int64_t take = (rows + blocks - 1) / blocks;
        float *below = j->c + take * j->ldc;
        if (PHASE_NEAR)
            j->next = below;
        ask_ahead(j->ahead[0]);
        ask_ahead(j->ahead[1]);
        phase_kernels[width / VL][take](j);

        j->a += take * j->a_row;
        j->c = below;
        j->next += j->k * (width > 2 * CACHE_LINE ? 2 : 1) * CACHE_LINE;
        rows -= take;
    }
}

#endif
