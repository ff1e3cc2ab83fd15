/* The micro-kernel of first layers: product.h's, with a jump from stretch to stretch of the sum. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_STRETCH_H
#define REEL_CORE_KERNELS_TEMPLATES_STRETCH_H

#include "core/kernels/templates/vector.h"

#include <stdbool.h>

/* C (ROWS x COLS vectors) (+)= sum over `count` stretches of k terms. a moves a_step, b moves ldb a
 * term; a_jump and b_jump more at the end of a stretch. */
typedef struct stretches {
    int64_t count, k;
    const float *a;
    int64_t a_row, a_step, a_jump;
    const float *b;
    int64_t ldb, b_jump;
    float *c;
    int64_t ldc;
    bool add;
} stretches;

/* With near, rows of A are neighbours (a_row is 1): the compiler then leaves their offsets to the
 * instructions. */
KERNEL_INLINE void stretch_block(const stretches *j, const int rows, const int cols,
                                 const bool near)
{
    const float *a = j->a, *b = j->b;
    const int64_t a_row = near ? 1 : j->a_row, a_step = j->a_step, ldb = j->ldb;
    vec s[MR][2];
    UNROLLED_FOR(i, rows)
        UNROLLED_FOR(t, cols)
            s[i][t] = (vec){0};

    for (int64_t q = 0; q < j->count; q++) {
        for (int64_t p = 0; p < j->k; p++) {
            vec bv[2];
            UNROLLED_FOR(t, cols)
                bv[t] = load(b + t * VL);
            UNROLLED_FOR(i, rows) {
                const vec av = broadcast(a[i * a_row]);
                UNROLLED_FOR(t, cols)
                    s[i][t] = muladd(av, bv[t], s[i][t]);
            }
            a += a_step;
            b += ldb;
        }
        a += j->a_jump;
        b += j->b_jump;
    }

    UNROLLED_FOR(i, rows)
        UNROLLED_FOR(t, cols) {
            float *to = j->c + i * j->ldc + t * VL;
            store(to, j->add ? load(to) + s[i][t] : s[i][t]);
        }
}

/* For each number of rows: one and two vectors wide, rows of A apart and near. */
#define STRETCH_ROWS(ROWS)                                                                         \
    static void stretch_##ROWS##x1(const stretches *j)                                             \
    {                                                                                              \
        stretch_block(j, ROWS, 1, false);                                                          \
    }                                                                                              \
    static void stretch_##ROWS##x2(const stretches *j)                                             \
    {                                                                                              \
        stretch_block(j, ROWS, 2, false);                                                          \
    }                                                                                              \
    static void stretch_##ROWS##x1_near(const stretches *j)                                        \
    {                                                                                              \
        stretch_block(j, ROWS, 1, true);                                                           \
    }                                                                                              \
    static void stretch_##ROWS##x2_near(const stretches *j)                                        \
    {                                                                                              \
        stretch_block(j, ROWS, 2, true);                                                           \
    }
STRETCH_ROWS(1)
STRETCH_ROWS(2)
STRETCH_ROWS(3)
STRETCH_ROWS(4)
STRETCH_ROWS(5)
STRETCH_ROWS(6)
#if REEL_BLOCK_ROWS > 6
STRETCH_ROWS(7)
STRETCH_ROWS(8)
STRETCH_ROWS(9)
STRETCH_ROWS(10)
STRETCH_ROWS(11)
STRETCH_ROWS(12)
STRETCH_ROWS(13)
STRETCH_ROWS(14)
#endif

#define STRETCH_ENTRY(ROWS)                                                                        \
    [ROWS] = {{stretch_##ROWS##x1, stretch_##ROWS##x2},                                            \
              {stretch_##ROWS##x1_near, stretch_##ROWS##x2_near}}
static void (*const stretch_kernels[MR + 1][2][2])(const stretches *j) = {
    STRETCH_ENTRY(1),  STRETCH_ENTRY(2),  STRETCH_ENTRY(3),  STRETCH_ENTRY(4),
    STRETCH_ENTRY(5),  STRETCH_ENTRY(6),
#if REEL_BLOCK_ROWS > 6
    STRETCH_ENTRY(7),  STRETCH_ENTRY(8),  STRETCH_ENTRY(9),  STRETCH_ENTRY(10),
    STRETCH_ENTRY(11), STRETCH_ENTRY(12), STRETCH_ENTRY(13), STRETCH_ENTRY(14),
#endif
};

/* All `rows` rows of a panel `width` (VL or 2 VL) wide, dealt out evenly over blocks of at most MR.
 */
static inline void stretch_panel(int64_t rows, int64_t width, stretches j)
{
    const int64_t blocks = (rows + MR - 1) / MR;
    for (int64_t i = 0, row = 0; i < blocks; i++) {
        const int64_t take = (rows - row + blocks - i - 1) / (blocks - i);
        stretch_kernels[take][j.a_row == 1][width > VL](&j);
        j.a += take * j.a_row;
        j.c += take * j.ldc;
        row += take;
    }
}

#endif
