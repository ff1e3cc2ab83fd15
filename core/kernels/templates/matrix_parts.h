/* What the files of the blocked matrix product share, for one instruction set and one dtype: the
 * copy that a product carries along, a block of C, and how operands are packed. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_MATRIX_PARTS_H
#define REEL_CORE_KERNELS_TEMPLATES_MATRIX_PARTS_H

#include "core/kernels/matrix.h"
#include "core/kernels/templates/vector.h"

#include <stdbool.h>

enum { CARRY_UNIT = 2 * VL, REALS_OF_LINE = 64 / sizeof(real) };

/* Runs of `run` units: after each run both sides jump. */
typedef struct product_carry {
    const real *from;
    real *to;
    int64_t units, left; /* to be copied; of the run that is under way */
    int64_t run, from_jump, to_jump;
    int64_t ahead; /* what is asked for lies so far behind what is copied */
} product_carry;

/* How results leave: STREAM goes past the caches, for aligned matrices that are larger than those.
 */
typedef enum { PRODUCT_ASSIGN, PRODUCT_ADD, PRODUCT_STREAM } product_end;

/* A packed block of A is k-major, a term's factors side by side and its terms WIDE_LD apart, or
 * row-major, rows LONG_LD apart. */
enum { WIDE_LD = REEL_MATRIX_WIDE + REEL_MATRIX_PAD, LONG_LD = REEL_MATRIX_KC + REEL_MATRIX_PAD };

/* Columns of C that are multiplied in one go: two panels where there are registers for it. */
enum { BLOCK_COLS = WIDE_ROWS > 0 ? 2 * NR : NR };

/* Rows x cols of C at (i, j), from packed A and one packed panel of B, or BLOCK_COLS columns of
 * two. last: the sum is complete with this block, so the bias is added. */
typedef struct matrix_block {
    int64_t i, rows, j, cols, depth;
    const real *a;
    bool k_major;
    const real *b;
    int64_t b_next; /* from a panel of B to the one beside it */
    product_end end;
    bool last;
} matrix_block;

/* A part of an operand: `count` rows of A or columns of B from `at` on, terms [p, p + depth). */
typedef struct operand_part {
    int64_t at, count, p, depth;
} operand_part;

/* These exist once for each instruction set and dtype; the short names stand for this one's. */
#define multiply_block REEL_KERNEL_FN(reel_matrix_multiply_block)
#define finish_carry REEL_KERNEL_FN(reel_matrix_finish_carry)
#define finish_sums REEL_KERNEL_FN(reel_matrix_finish_sums)
#define pack_a REEL_KERNEL_FN(reel_matrix_pack_a)
#define pack_b REEL_KERNEL_FN(reel_matrix_pack_b)
#define pack_panels REEL_KERNEL_FN(reel_matrix_pack_panels)
#define carry_a REEL_KERNEL_FN(reel_matrix_carry_a)
#define small_product REEL_KERNEL_FN(reel_matrix_small_product)
#define outer_product REEL_KERNEL_FN(reel_matrix_outer_product)
#define tiles_product REEL_KERNEL_FN(reel_matrix_tiles_product)

void multiply_block(const reel_matrix_job *job, const matrix_block *at, product_carry *carry);
/* Copies what the multiplications were too few for. True if there was anything to copy at all. */
bool finish_carry(product_carry *carry);
/* Adds the bias to n complete sums from (i, j) on: side by side along a row of C, or a column. */
void finish_sums(const reel_matrix_job *job, int64_t i, int64_t j, bool along_row, int64_t n,
                 real *sums);

/* A block of A as it lies: k-major where it is stored so, else row-major. */
void pack_a(const reel_operand *o, operand_part part, real *to);
/* The same as a copy that a product carries along; empty where it does not fall into whole units.
 */
product_carry carry_a(const reel_operand *o, operand_part part, real *to);
/* A panel of B: depth x NR, zeros behind its last column. */
void pack_b(const reel_operand *o, operand_part part, real *to);
/* Columns of B in panels that lie `step` reals apart. */
void pack_panels(const reel_operand *o, operand_part part, real *to, int64_t step);

/* Products that need no packing (matrix_small_real.c), or write a large result once
 * (matrix_outer_real.c). True where they have done the job; the rule sees the shape only. */
bool small_product(const reel_matrix_job *job);
bool outer_product(const reel_matrix_job *job);
/* The same where the instruction set has tiles (tiles_matrix.c), in float32. */
bool tiles_product(const reel_matrix_job *job);

/* How many of `cols` columns are multiplied first. */
static inline int64_t block_cols(int64_t cols)
{
    return least(cols, cols < BLOCK_COLS ? NR : BLOCK_COLS);
}

/* Columns that `cols` of a block take in packed panels, which zeros fill up. */
static inline int64_t packed_width(int64_t cols)
{
    return cols > VL ? (cols + NR - 1) / NR * NR : VL;
}

/* Columns are kept k-major, all else row-major. */
static inline bool is_k_major(const reel_operand *o)
{
    return o->kind == REEL_OPERAND_COLUMNS;
}

#endif
