/* The micro-kernel of the polyphase convolution, for matrices that stay in a core's caches and sums
 * of a few dozen terms.
 *
 *   C (rows x cols) = A B, or added to C.
 *   near: A(i, p) = a[i + p a_step], as V lies in the weight gradient
 *   else: A(i, p) = a[i a_row + p],  as V lies in forward;  B(p, j) = b[p ldb + j]
 *
 * So short a sum leaves no time for bookkeeping: rows and columns are constants, rows of A that
 * are apart are reached from every fourth one, and each term asks for one row of what comes next.
 */
#ifndef REEL_CORE_KERNELS_TEMPLATES_POLYPHASE_PRODUCT_H
#define REEL_CORE_KERNELS_TEMPLATES_POLYPHASE_PRODUCT_H

#include "core/kernels/templates/vector.h"

#include <stdbool.h>

typedef struct phase_product {
    int64_t k;
    const float *a;
    int64_t a_row, a_step;
    const float *b;
    int64_t ldb;
    float *c;
    int64_t ldc;
    bool add;
    const float *next;   /* memory that is wanted soon, k rows as wide as the block */
    const float *far[2]; /* memory that is wanted later: each term asks for a line and moves on */
    int64_t far_step[2];
} phase_product;

/* The row's cache lines: of 16 floats. */
KERNEL_INLINE void ask_for_row(const float *next, const int cols)
{
    for (int e = 0; e < cols * VL; e += 16)
        __builtin_prefetch(next + e, 0, 3);
}

KERNEL_INLINE void phase_block(const phase_product *job, const int rows, const int cols,
                               const bool near)
{
    const int64_t k = job->k, a_row = job->a_row, a_step = near ? job->a_step : 1,
                  ldb = near ? job->ldb : cols * VL;
    const int fars = near ? 2 : 1;
    const float *row[(MR + 3) / 4], *b = job->b, *next = job->next, *far[2];
    int64_t far_step[2];
    vec s[MR][2];
    UNROLLED_FOR(i, (rows + 3) / 4)
        row[i] = near ? job->a + 4 * i : job->a + 4 * i * a_row;
    UNROLLED_FOR(i, fars) {
        far[i] = job->far[i];
        far_step[i] = job->far_step[i];
    }
    UNROLLED_FOR(i, rows)
        UNROLLED_FOR(t, cols)
            s[i][t] = (vec){0};

    for (int64_t p = 0; p < k; p++) {
        vec bv[2];
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
        ask_for_row(next, cols);
        next += cols * VL;
        UNROLLED_FOR(i, fars) {
            __builtin_prefetch(far[i], 0, 2);
            far[i] += far_step[i];
        }
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

/* For each number of rows: one and two vectors wide, rows of A apart and near. */
#define PHASE_ROWS(ROWS)                                                                           \
    static void phase_##ROWS##x1(const phase_product *j)                                           \
    {                                                                                              \
        phase_block(j, ROWS, 1, PHASE_NEAR);                                                       \
    }                                                                                              \
    static void phase_##ROWS##x2(const phase_product *j)                                           \
    {                                                                                              \
        phase_block(j, ROWS, 2, PHASE_NEAR);                                                       \
    }
PHASE_ROWS(1)
PHASE_ROWS(2)
PHASE_ROWS(3)
PHASE_ROWS(4)
PHASE_ROWS(5)
PHASE_ROWS(6)
#if REEL_BLOCK_ROWS > 6
PHASE_ROWS(7)
PHASE_ROWS(8)
PHASE_ROWS(9)
PHASE_ROWS(10)
PHASE_ROWS(11)
PHASE_ROWS(12)
PHASE_ROWS(13)
PHASE_ROWS(14)
#endif

#define PHASE_ENTRY(ROWS) [ROWS] = {phase_##ROWS##x1, phase_##ROWS##x2}
static void (*const phase_kernels[MR + 1][2])(const phase_product *j) = {
    PHASE_ENTRY(1),  PHASE_ENTRY(2),  PHASE_ENTRY(3),  PHASE_ENTRY(4),
    PHASE_ENTRY(5),  PHASE_ENTRY(6),
#if REEL_BLOCK_ROWS > 6
    PHASE_ENTRY(7),  PHASE_ENTRY(8),  PHASE_ENTRY(9),  PHASE_ENTRY(10),
    PHASE_ENTRY(11), PHASE_ENTRY(12), PHASE_ENTRY(13), PHASE_ENTRY(14),
#endif
};

/* All `rows` rows of a panel `width` (VL or 2 VL) wide, dealt out evenly over blocks of at most MR.
 * The last block asks for `next`. Those before it ask for the sums below where they are added to;
 * else for nothing new. */
static inline void phase_panel(phase_product *j, int64_t rows, int64_t width, const float *next)
{
    for (int64_t blocks = (rows + MR - 1) / MR; blocks > 0; blocks--) {
        const int64_t take = (rows + blocks - 1) / blocks;
        const float *below = j->add ? j->c + take * j->ldc : j->b;
        j->next = blocks > 1 ? below : next;
        phase_kernels[take][width > VL](j);

        j->a += take * j->a_row;
        j->c += take * j->ldc;
        j->far[0] += j->k * j->far_step[0];
        j->far[1] += j->k * j->far_step[1];
        rows -= take;
    }
}

#endif
