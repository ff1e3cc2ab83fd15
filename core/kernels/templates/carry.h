/* The micro-kernel of product.h that also copies: while it multiplies, it moves a part of the next
 * block of a long matrix to where it will be multiplied, two vectors every two steps of the sum.
 * Multiplications need two thirds of the machine's loads at most and no stores, so the copy is
 * free, and memory delivers while arithmetic goes on. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_CARRY_H
#define REEL_CORE_KERNELS_TEMPLATES_CARRY_H

#include "core/kernels/templates/matrix_parts.h"

KERNEL_INLINE void carry_unit(product_carry *carry)
{
    store(carry->to, load(carry->from));
    store(carry->to + VL, load(carry->from + VL));
    __builtin_prefetch(carry->from + carry->ahead, 0, 3);
    if (VL * sizeof(real) >= 64)
        __builtin_prefetch(carry->from + carry->ahead + VL, 0, 3);
    carry->from += CARRY_UNIT;
    carry->to += carry->hop;
    if (--carry->left == 0) {
        carry->left = carry->run;
        carry->from += carry->from_jump;
        carry->to += carry->to_jump;
    }
}

/* A panel's product, see product.h, with what is copied meanwhile. */
typedef struct carry_product {
    int64_t k;
    const real *a;
    int64_t a_row, a_step;
    const real *b;
    int64_t ldb;
    real *c;
    int64_t ldc;
    product_end end;
} carry_product;

/* One term of the sum. Rows are reached from every fourth one, which spares address registers. */
KERNEL_INLINE void carry_step(const int rows, const int cols, vec s[MR][2], const real *row[],
                              const carry_product *j, const real *b)
{
    vec bv[2];
    UNROLLED_FOR(t, cols)
        bv[t] = load(b + t * VL);
    UNROLLED_FOR(i, rows) {
        const vec av = broadcast(row[i / 4][i % 4 * j->a_row]);
        UNROLLED_FOR(t, cols)
            s[i][t] = muladd(av, bv[t], s[i][t]);
    }
    UNROLLED_FOR(i, (rows + 3) / 4)
        row[i] += j->a_step;
}

KERNEL_INLINE void carry_store(real *to, vec sum, product_end end)
{
    if (end == PRODUCT_STREAM)
        stream(to, sum);
    else
        store(to, end == PRODUCT_ADD ? load(to) + sum : sum);
}

KERNEL_INLINE void carry_block(const carry_product *job, product_carry *carry, const int rows,
                               const int cols)
{
    const carry_product j = *job;
    const real *b = j.b, *row[(MR + 3) / 4];
    vec s[MR][2];
    UNROLLED_FOR(i, (rows + 3) / 4)
        row[i] = j.a + 4 * i * j.a_row;
    UNROLLED_FOR(i, rows)
        UNROLLED_FOR(t, cols)
            s[i][t] = (vec){0};

    int64_t p = 0;
    if (carry->units > 0) {
        product_carry now = *carry;
        const int64_t units = least(now.units, j.k / 2);
        for (; p < 2 * units; p += 2) {
            carry_unit(&now);
            carry_step(rows, cols, s, row, &j, b);
            carry_step(rows, cols, s, row, &j, b + j.ldb);
            b += 2 * j.ldb;
        }
        now.units -= units;
        *carry = now;
    }
    for (; p < j.k; p++) {
        carry_step(rows, cols, s, row, &j, b);
        b += j.ldb;
    }

    UNROLLED_FOR(i, rows)
        UNROLLED_FOR(t, cols)
            carry_store(j.c + i * j.ldc + t * VL, s[i][t], j.end);
}

/* One function for each number of rows, one and two vectors wide. */
#define CARRY_ROWS(ROWS)                                                                           \
    static void carry_##ROWS##x1(const carry_product *j, product_carry *carry)                     \
    {                                                                                              \
        carry_block(j, carry, ROWS, 1);                                                            \
    }                                                                                              \
    static void carry_##ROWS##x2(const carry_product *j, product_carry *carry)                     \
    {                                                                                              \
        carry_block(j, carry, ROWS, 2);                                                            \
    }
CARRY_ROWS(1)
CARRY_ROWS(2)
CARRY_ROWS(3)
CARRY_ROWS(4)
CARRY_ROWS(5)
CARRY_ROWS(6)
#if REEL_BLOCK_ROWS > 6
CARRY_ROWS(7)
CARRY_ROWS(8)
CARRY_ROWS(9)
CARRY_ROWS(10)
CARRY_ROWS(11)
CARRY_ROWS(12)
CARRY_ROWS(13)
CARRY_ROWS(14)
#endif

#define CARRY_ENTRY(ROWS) [ROWS] = {carry_##ROWS##x1, carry_##ROWS##x2}
static void (*const carry_kernels[MR + 1][2])(const carry_product *j, product_carry *carry) = {
    CARRY_ENTRY(1),  CARRY_ENTRY(2),  CARRY_ENTRY(3),  CARRY_ENTRY(4),
    CARRY_ENTRY(5),  CARRY_ENTRY(6),
#if REEL_BLOCK_ROWS > 6
    CARRY_ENTRY(7),  CARRY_ENTRY(8),  CARRY_ENTRY(9),  CARRY_ENTRY(10),
    CARRY_ENTRY(11), CARRY_ENTRY(12), CARRY_ENTRY(13), CARRY_ENTRY(14),
#endif
};

/* One panel (width VL or 2 VL) for all rows, which are dealt out evenly: 96 rows are 7 blocks of 13
 * or 14, never six of 14 and a sliver. */
KERNEL_INLINE void carry_panel(carry_product j, int64_t rows, int64_t width, product_carry *carry)
{
    const int64_t blocks = (rows + MR - 1) / MR;
    for (int64_t i = 0, row = 0; i < blocks; i++) {
        const int64_t take = (rows - row + blocks - i - 1) / (blocks - i);
        carry_kernels[take][width > VL](&j, carry);
        j.a += take * j.a_row;
        j.c += take * j.ldc;
        row += take;
    }
}

#endif
