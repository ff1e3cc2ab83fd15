/* One register-blocked panel of a matrix product, from packed operands to where C lies. */
#include "core/kernels/templates/carry.h"

bool finish_carry(product_carry *carry)
{
    while (carry->units > 0)
        carry_unit(carry);
    return carry->run > 0;
}

void finish_sums(const reel_matrix_job *job, int64_t i, int64_t j, bool along_row, int64_t n,
                 real *restrict sums)
{
    if (!job->bias)
        return;
    const real *restrict bias = (const real *)job->bias + (job->bias_by_row ? i : j);
    if (along_row != job->bias_by_row) {
        for (int64_t q = 0; q < n; q++)
            sums[q] += bias[q];
    } else {
        const real one = *bias;
        for (int64_t q = 0; q < n; q++)
            sums[q] += one;
    }
}

/* to (+)= from, n reals. Zero is added where nothing else is: -0 becomes 0, as in a strided copy.
 */
static inline void write_run(real *to, const real *from, int64_t n, bool add)
{
    int64_t q = 0;
    for (; q + VL <= n; q += VL)
        store(to + q, (add ? load(to + q) : (vec){0}) + load(from + q));
    for (; q < n; q++)
        to[q] = (add ? to[q] : 0) + from[q];
}

/* From a small tile to a C whose rows or columns the micro-kernel cannot write in place. */
static void write_tile(const reel_matrix_job *job, const matrix_block *at, const real *tile)
{
    const bool by_row = job->c_col == 1, closes = at->last && job->bias;
    const int64_t outer = by_row ? at->rows : at->cols, inner = by_row ? at->cols : at->rows;
    real *c = (real *)job->c + at->i * job->c_row + at->j * job->c_col;
    for (int64_t o = 0; o < outer; o++) {
        real *to = c + o * (by_row ? job->c_row : job->c_col);
        const real *from = tile + o * (by_row ? BLOCK_COLS : 1);
        if (by_row)
            write_run(to, from, inner, at->end == PRODUCT_ADD);
        for (int64_t q = 0; q < inner && !by_row; q++)
            to[q] = (at->end == PRODUCT_ADD ? to[q] : 0) + from[q * BLOCK_COLS];
        if (closes)
            finish_sums(job, by_row ? at->i + o : at->i, by_row ? at->j : at->j + o, by_row, inner,
                        to);
    }
}

/* A few terms at a time, so that their part of B stays in the first-level cache while all rows
 * pass. The sums wait in `tile`: as they are exact there, each is still one chain. */
static void multiply_parts(const carry_product *whole, int64_t rows, int64_t width, real *tile,
                           product_carry *carry)
{
    enum { B_PART = 24576 / sizeof(real) };
    const int64_t k = whole->k, near = (k * width + B_PART / 2) / B_PART;
    const int64_t unit = CARRY_TERMS * (near > 1 ? near : 1);
    const int64_t depth = (k + unit - 1) / unit * CARRY_TERMS;

    for (int64_t p = 0; p < k; p += depth) {
        const bool last = p + depth >= k;
        carry_product part = *whole;
        part.k = least(depth, k - p);
        part.a += p * (whole->k_major ? WIDE_LD : 1);
        part.b += p * NR;
        part.begun = p > 0 ? tile : NULL;
        if (!last) {
            part.c = tile;
            part.ldc = BLOCK_COLS;
            part.end = PRODUCT_ASSIGN;
        }
        part.next = last ? whole->b + (width + NR - 1) / NR * whole->b_next : part.b + depth * NR;
        part.next_reals = depth * NR;
        carry_panel(&part, rows, width, carry);
    }
}

/* A whole vector, a panel or two of a row-major C are written in place. */
void multiply_block(const reel_matrix_job *job, const matrix_block *at, product_carry *carry)
{
    real tile[REEL_MATRIX_WIDE * BLOCK_COLS] __attribute__((aligned(64)));
    carry_product product = {
        .k = at->depth, .a = at->a, .k_major = at->k_major, .b = at->b, .b_next = at->b_next};
    if (job->c_col == 1 && (at->cols % NR == 0 || at->cols == VL)) {
        product.c = (real *)job->c + at->i * job->c_row + at->j;
        product.ldc = job->c_row;
        product.end = at->end;
        multiply_parts(&product, at->rows, at->cols, tile, carry);
        for (int64_t r = 0; r < at->rows && at->last && job->bias; r++)
            finish_sums(job, at->i + r, at->j, true, at->cols, product.c + r * job->c_row);
        return;
    }

    product.c = tile;
    product.ldc = BLOCK_COLS;
    product.end = PRODUCT_ASSIGN;
    multiply_parts(&product, at->rows, packed_width(at->cols), tile, carry);
    write_tile(job, at, tile);
}
