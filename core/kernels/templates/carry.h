/* The micro-kernel of the blocked matrix product. It also copies: while it multiplies, it moves a
 * part of the next block of a long matrix to where it will be multiplied, two vectors every two
 * terms of the sum. Multiplications need two thirds of the machine's loads at most and no stores,
 * so the copy is free, and memory delivers while arithmetic goes on.
 *
 * Blocks are MR rows of one panel. Where there are 32 registers and two panels side by side, they
 * are WIDE_ROWS rows of both: 10 loads for 24 multiply-adds instead of 16 for 28. That is
 * faster where another hyperthread shares the core, and equally fast where none does. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_CARRY_H
#define REEL_CORE_KERNELS_TEMPLATES_CARRY_H

#include "core/kernels/templates/matrix_parts.h"

enum { CARRY_TERMS = 4 }; /* of the sum, in one turn of the loop */

/* What is asked for goes to the second-level cache: the first has room for fewer requests at a
 * time, and its own misses need them. */
KERNEL_INLINE void carry_unit(product_carry *carry)
{
    store(carry->to, load(carry->from));
    store(carry->to + VL, load(carry->from + VL));
    __builtin_prefetch(carry->from + carry->ahead, 0, 2);
    if (VL * sizeof(real) >= 64)
        __builtin_prefetch(carry->from + carry->ahead + VL, 0, 2);
    carry->from += CARRY_UNIT;
    carry->to += CARRY_UNIT;
    carry->units--;
    if (--carry->left == 0) {
        carry->left = carry->run;
        carry->from += carry->from_jump;
        carry->to += carry->to_jump;
    }
}

/* k terms of a product, and what is asked for meanwhile. */
typedef struct carry_product {
    int64_t k;
    const real *a;
    bool k_major;
    const real *b;     /* terms NR apart */
    int64_t b_next;    /* from a panel of B to the one beside it */
    const real *begun; /* what the sums begin with, rows BLOCK_COLS apart; NULL: with zeros */
    real *c;
    int64_t ldc;
    product_end end;
    const real *next; /* B's terms after these, with next_reals reals of each panel */
    int64_t next_reals;
} carry_product;

/* What a kernel is compiled for. */
typedef struct carry_shape {
    int rows, cols; /* of the block: numbers and vectors */
    int a_row, a_step;
} carry_shape;

/* One term of the sum; its factors of B lie in one panel or two. */
KERNEL_INLINE void carry_step(const carry_shape at, vec s[MR][4], const real *a, const real *b,
                              const real *b2)
{
    vec bv[4];
    UNROLLED_FOR(t, at.cols)
        bv[t] = load((t < 2 ? b : b2) + t % 2 * VL);
    UNROLLED_FOR(i, at.rows) {
        const vec av = broadcast(a[i * at.a_row]);
        UNROLLED_FOR(t, at.cols)
            s[i][t] = muladd(av, bv[t], s[i][t]);
        keep_alive(av);
    }
    UNROLLED_FOR(t, at.cols)
        keep_alive(bv[t]);
}

KERNEL_INLINE void carry_store(real *to, vec sum, product_end end)
{
    if (end == PRODUCT_STREAM)
        stream(to, sum);
    else
        store(to, end == PRODUCT_ADD ? load(to) + sum : sum);
}

KERNEL_INLINE void carry_block(const carry_product *job, product_carry *carry, const carry_shape at)
{
    const carry_product j = *job;
    const real *a = j.a, *b = j.b, *b2 = j.b + j.b_next, *next = j.next;
    product_carry now = *carry;
    vec s[MR][4];
    UNROLLED_FOR(i, at.rows)
        UNROLLED_FOR(t, at.cols)
            s[i][t] = j.begun ? load(j.begun + i * BLOCK_COLS + t * VL) : (vec){0};

    const real *const end = a + j.k * at.a_step;
    const real *const last = end - j.k % CARRY_TERMS * at.a_step; /* of the whole turns */
    while (a != last) {
        UNROLLED_FOR(q, CARRY_TERMS) {
            if (q % 2 == 0 && now.units > 0)
                carry_unit(&now);
            carry_step(at, s, a + q * at.a_step, b + q * NR, b2 + q * NR);
        }
        __builtin_prefetch(next, 0, 2);
        next += REALS_OF_LINE;
        a += CARRY_TERMS * at.a_step;
        b += CARRY_TERMS * NR;
        b2 += CARRY_TERMS * NR;
    }
    while (a != end) {
        carry_step(at, s, a, b, b2);
        a += at.a_step;
        b += NR;
        b2 += NR;
    }
    *carry = now;

    UNROLLED_FOR(i, at.rows)
        UNROLLED_FOR(t, at.cols)
            carry_store(j.c + i * j.ldc + t * VL, s[i][t], j.end);
}

/* One function for each number of rows, one and two vectors wide; four where registers allow. */
#define CARRY_BLOCK(ROWS, COLS)                                                                    \
    static void carry_##ROWS##x##COLS(const carry_product *j, product_carry *carry)                \
    {                                                                                              \
        if (j->k_major)                                                                            \
            carry_block(j, carry, (carry_shape){ROWS, COLS, 1, WIDE_LD});                          \
        else                                                                                       \
            carry_block(j, carry, (carry_shape){ROWS, COLS, LONG_LD, 1});                          \
    }
#define CARRY_ROWS(ROWS) CARRY_BLOCK(ROWS, 1) CARRY_BLOCK(ROWS, 2)
#define CARRY_ENTRY(ROWS) [ROWS] = {carry_##ROWS##x1, carry_##ROWS##x2}
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
CARRY_BLOCK(1, 4)
CARRY_BLOCK(2, 4)
CARRY_BLOCK(3, 4)
CARRY_BLOCK(4, 4)
CARRY_BLOCK(5, 4)
CARRY_BLOCK(6, 4)
#endif

typedef void carry_kernel(const carry_product *j, product_carry *carry);
static carry_kernel *const carry_kernels[MR + 1][2] = {
    CARRY_ENTRY(1),  CARRY_ENTRY(2),  CARRY_ENTRY(3),  CARRY_ENTRY(4),
    CARRY_ENTRY(5),  CARRY_ENTRY(6),
#if REEL_BLOCK_ROWS > 6
    CARRY_ENTRY(7),  CARRY_ENTRY(8),  CARRY_ENTRY(9),  CARRY_ENTRY(10),
    CARRY_ENTRY(11), CARRY_ENTRY(12), CARRY_ENTRY(13), CARRY_ENTRY(14),
#endif
};
#if REEL_BLOCK_ROWS > 6
static carry_kernel *const carry_wide_kernels[WIDE_ROWS + 1] = {
    NULL, carry_1x4, carry_2x4, carry_3x4, carry_4x4, carry_5x4, carry_6x4};
#endif

KERNEL_INLINE carry_kernel *carry_kernel_for(int64_t rows, int64_t width)
{
#if REEL_BLOCK_ROWS > 6
    if (width > NR)
        return carry_wide_kernels[rows];
#endif
    return carry_kernels[rows][width > VL];
}

/* Where block i of a product's rows asks for B's next part: the first blocks ask for one panel,
 * those that follow for the panel beside it. */
KERNEL_INLINE const real *carry_next(const carry_product *j, int64_t i)
{
    const int64_t from = i * (j->k / CARRY_TERMS) * REALS_OF_LINE;
    return from < j->next_reals ? j->next + from : j->next + j->b_next + from - j->next_reals;
}

/* All rows of a block that is VL, NR or BLOCK_COLS wide. Rows are dealt out evenly: 96 rows are 7
 * blocks of 13 or 14, never six of 14 and a sliver. */
KERNEL_INLINE void carry_panel(const carry_product *job, int64_t rows, int64_t width,
                               product_carry *carry)
{
    const int64_t most = width > NR ? WIDE_ROWS : MR, blocks = (rows + most - 1) / most;
    carry_product j = *job;
    for (int64_t i = 0, row = 0; i < blocks; i++) {
        const int64_t take = (rows - row + blocks - i - 1) / (blocks - i);
        j.next = carry_next(job, i);
        carry_kernel_for(take, width)(&j, carry);
        j.a += take * (j.k_major ? 1 : LONG_LD);
        j.c += take * j.ldc;
        if (j.begun)
            j.begun += take * BLOCK_COLS;
        row += take;
    }
}

#endif
