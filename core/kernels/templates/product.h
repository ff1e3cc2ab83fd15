/* The register-blocked matrix product under the Winograd passes.
 *
 *   C (rows x cols) = A B, or added to C.
 *   A(i, p) = a[i a_row + p a_step];  B in panels of 2 VL columns: b[p ldb + j]
 *
 * Two panels side by side are multiplied together where registers suffice: 6 x 4 accumulators take
 * 10 loads for 24 multiply-adds, 14 x 2 take 16 for 28. Each result is the same sum in the same
 * order either way.
 *
 * Every loop over the accumulators is an UNROLLED_FOR, and rows and cols are constants where
 * the block is called: so the accumulators live in registers. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_PRODUCT_H
#define REEL_CORE_KERNELS_TEMPLATES_PRODUCT_H

#include "core/kernels/templates/vector.h"

#include <stdbool.h>

/* Memory that is wanted soon: every term of the sum asks for the line at `from` and moves on. The
 * operands of the next product come in stretches too short for a hardware prefetcher. */
typedef struct ahead {
    const real *from;
    int64_t step;
} ahead;

typedef struct block_product {
    int64_t k;
    const real *a;
    int64_t a_row, a_step;
    const real *b;
    int64_t ldb, b_next; /* b_next: to the same place of the next panel */
    real *c;
    int64_t ldc, c_next;
    bool add;
    ahead next[2]; /* of two panels together the first one only */
} block_product;

/* cols: 1 or 2 vectors of a panel, or 4 of two. The job is copied first: stores to C may alias it,
 * so it would be read again after each. */
KERNEL_INLINE void product_block(const block_product *job, const int rows, const int cols)
{
    const block_product j = *job;
    const real *a = j.a, *b[2] = {j.b, j.b + j.b_next};
    ahead n1 = j.next[0], n2 = j.next[1];
    vec s[MR][4];
    UNROLLED_FOR(i, rows)
        UNROLLED_FOR(t, cols)
            s[i][t] = (vec){0};

    for (int64_t p = 0; p < j.k; p++) {
        vec bv[4];
        UNROLLED_FOR(t, cols)
            bv[t] = load(b[t / 2] + t % 2 * VL);
        UNROLLED_FOR(i, rows) {
            const vec av = broadcast(a[i * j.a_row]);
            UNROLLED_FOR(t, cols)
                s[i][t] = muladd(av, bv[t], s[i][t]);
        }
        a += j.a_step;
        b[0] += j.ldb;
        b[1] += j.ldb;

        __builtin_prefetch(n1.from, 0, 2);
        n1.from += n1.step;
        if (cols <= 2) {
            __builtin_prefetch(n2.from, 0, 2);
            n2.from += n2.step;
        }
    }

    UNROLLED_FOR(i, rows)
        UNROLLED_FOR(t, cols) {
            real *to = j.c + i * j.ldc + t / 2 * j.c_next + t % 2 * VL;
            store(to, j.add ? load(to) + s[i][t] : s[i][t]);
        }
}

/* One function for each number of rows, one and two vectors wide. */
#define PRODUCT_ROWS(ROWS)                                                                         \
    static void product_##ROWS##x1(const block_product *j)                                         \
    {                                                                                              \
        product_block(j, ROWS, 1);                                                                 \
    }                                                                                              \
    static void product_##ROWS##x2(const block_product *j)                                         \
    {                                                                                              \
        product_block(j, ROWS, 2);                                                                 \
    }
PRODUCT_ROWS(1)
PRODUCT_ROWS(2)
PRODUCT_ROWS(3)
PRODUCT_ROWS(4)
PRODUCT_ROWS(5)
PRODUCT_ROWS(6)
#if REEL_BLOCK_ROWS > 6
PRODUCT_ROWS(7)
PRODUCT_ROWS(8)
PRODUCT_ROWS(9)
PRODUCT_ROWS(10)
PRODUCT_ROWS(11)
PRODUCT_ROWS(12)
PRODUCT_ROWS(13)
PRODUCT_ROWS(14)
#endif

#define PRODUCT_ENTRY(ROWS) [ROWS] = {product_##ROWS##x1, product_##ROWS##x2}
static void (*const product_kernels[MR + 1][2])(const block_product *j) = {
    PRODUCT_ENTRY(1),  PRODUCT_ENTRY(2),  PRODUCT_ENTRY(3),  PRODUCT_ENTRY(4),
    PRODUCT_ENTRY(5),  PRODUCT_ENTRY(6),
#if REEL_BLOCK_ROWS > 6
    PRODUCT_ENTRY(7),  PRODUCT_ENTRY(8),  PRODUCT_ENTRY(9),  PRODUCT_ENTRY(10),
    PRODUCT_ENTRY(11), PRODUCT_ENTRY(12), PRODUCT_ENTRY(13), PRODUCT_ENTRY(14),
#endif
};

/* Two panels, for each number of rows. */
#if REEL_BLOCK_ROWS > 6
#define PRODUCT_PAIR(ROWS)                                                                         \
    static void product_##ROWS##x4(const block_product *j)                                         \
    {                                                                                              \
        product_block(j, ROWS, 4);                                                                 \
    }
PRODUCT_PAIR(1)
PRODUCT_PAIR(2)
PRODUCT_PAIR(3)
PRODUCT_PAIR(4)
PRODUCT_PAIR(5)
PRODUCT_PAIR(6)

static void (*const product_pairs[WIDE_ROWS + 1])(const block_product *j) = {
    [1] = product_1x4, product_2x4, product_3x4, product_4x4, product_5x4, product_6x4};
#endif

/* Reals that the next product will want. */
typedef struct wanted {
    const real *from;
    int64_t reals;
} wanted;

/* What `count` of `all` parts from the k-th on bring nearer. */
KERNEL_INLINE wanted part_wanted(const wanted *w, int64_t k, int64_t count, int64_t all)
{
    const int64_t begin = w->reals * k / all;
    return (wanted){w->from + begin, w->reals * (k + count) / all - begin};
}

/* Block i of `blocks` asks for its share of w with k requests; where there is nothing to ask for,
 * for a line that is near. */
static inline ahead share_of(const wanted *w, int64_t i, int64_t blocks, int64_t k,
                             const real *near)
{
    const int64_t step = blocks > 0 ? (w->reals + blocks * k - 1) / (blocks * k) : 0;
    return w->reals > 0 ? (ahead){w->from + step * k * i, step} : (ahead){near, 0};
}

/* One panel of columns (width VL or 2 VL) for all rows. Rows are dealt out evenly: 96 rows are 7
 * blocks of 13 or 14, never six of 14 and a sliver. Meanwhile next[0] is brought nearer by the
 * first third of the blocks, next[1] by the others, next[2] by all. */
static inline void product_panel(block_product j, int64_t rows, int64_t width, const wanted next[3])
{
    const int64_t blocks = (rows + MR - 1) / MR, third = (blocks + 2) / 3;
    for (int64_t i = 0, row = 0; i < blocks; i++) {
        const int64_t take = (rows - row + blocks - i - 1) / (blocks - i);
        j.next[0] = i < third ? share_of(&next[0], i, third, j.k, j.b)
                              : share_of(&next[1], i - third, blocks - third, j.k, j.b);
        j.next[1] = share_of(&next[2], i, blocks, j.k, j.b);
        product_kernels[take][width > VL](&j);
        j.a += take * j.a_row;
        j.c += take * j.ldc;
        row += take;
    }
}

/* Two panels for all rows, which are dealt out evenly. Meanwhile next[0], next[1] and next[2] are
 * brought nearer, one after the other. */
#if REEL_BLOCK_ROWS > 6
static inline void product_pair(block_product j, int64_t rows, const wanted next[3])
{
    const int64_t blocks = (rows + WIDE_ROWS - 1) / WIDE_ROWS;
    const int64_t all = next[0].reals + next[1].reals + next[2].reals;
    int64_t asked = 0, i = 0, row = 0;
    for (int w = 0; w < 3; w++) {
        asked += next[w].reals;
        const int64_t first = i, last = w == 2 || all == 0 ? blocks : blocks * asked / all;
        for (; i < last; i++) {
            const int64_t take = (rows - row + blocks - i - 1) / (blocks - i);
            j.next[0] = share_of(&next[w], i - first, last - first, j.k, j.b);
            product_pairs[take](&j);
            j.a += take * j.a_row;
            j.c += take * j.ldc;
            row += take;
        }
    }
}
#endif

/* All rows of a panel, width VL or 2 VL, or of two panels, width 4 VL where there are 32 registers.
 */
static inline void product_panels(const block_product *j, int64_t rows, int64_t width,
                                  const wanted next[3])
{
#if REEL_BLOCK_ROWS > 6
    if (width > NR) {
        product_pair(*j, rows, next);
        return;
    }
#endif
    product_panel(*j, rows, width, next);
}

#endif
