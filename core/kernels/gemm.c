/* The matrix product of gemm.h as a pair of operands of the blocked product. */
#include "core/kernels/gemm.h"

#include "core/kernels/add_into.h"
#include "core/kernels/matrix.h"
#include "core/memory.h"
#include "core/pieces.h"

/* Where C is wide, B is the long weight matrix of y = x W^T or dx = dy W. The transposed product
 * has it on the side that is read once, as it lies, and copied ahead; x and dy are transposed
 * instead. A^T B wants no such thing: its rows are B's. */
static bool transposed_is_better(bool ta, bool tb, int64_t m, int64_t n)
{
    return n > m && (tb || (!ta && m > REEL_MATRIX_SMALL));
}

static size_t one_sum_scratch(const reel_ctx *ctx, reel_dtype dtype, const reel_gemm_job *job)
{
    const bool swap = transposed_is_better(job->ta, job->tb, job->m, job->n);
    const size_t element = dtype == REEL_F64 ? sizeof(double) : sizeof(float);

    /* Tiles take whole steps of each piece. */
    const int64_t depth = job->pieces > 1 ? job->k / job->pieces : 0;
    const int64_t steps = (depth + REEL_TILES_STEP - 1) / REEL_TILES_STEP;
    const int64_t padded = job->pieces * steps * REEL_TILES_STEP;
    const size_t whole = reel_matrix_scratch(reel_ctx_threads(ctx), swap ? job->n : job->m,
                                             swap ? job->m : job->n, job->k, false, element);
    const size_t pieces = reel_matrix_scratch(reel_ctx_threads(ctx), swap ? job->n : job->m,
                                              swap ? job->m : job->n, padded, false, element);
    return whole > pieces ? whole : pieces;
}

/* k = 0: the sum is empty, and the blocked product has no block to write. C becomes the bias. */
static void empty_sum(reel_dtype dtype, const reel_gemm_job *job)
{
    for (int64_t i = 0; i < job->m; i++)
        for (int64_t j = 0; j < job->n; j++)
            if (dtype == REEL_F64) {
                double *c = (double *)job->c + i * job->ldc + j;
                *c = (job->accumulate ? *c : 0) + (job->bias ? ((const double *)job->bias)[j] : 0);
            } else {
                float *c = (float *)job->c + i * job->ldc + j;
                *c = (job->accumulate ? *c : 0) + (job->bias ? ((const float *)job->bias)[j] : 0);
            }
}

/* Rows of the product that the job is, or is a part of. */
static int64_t whole_rows(const reel_gemm_job *job)
{
    return job->whole_m ? job->whole_m : job->m;
}

static void one_sum(const reel_ctx *ctx, reel_dtype dtype, const reel_gemm_job *job)
{
    const bool swap = transposed_is_better(job->ta, job->tb, job->m, job->n);
    const reel_operand left = {
        .kind = job->ta ? REEL_OPERAND_COLUMNS : REEL_OPERAND_ROWS, .data = job->a, .ld = job->lda};
    const reel_operand right = {
        .kind = job->tb ? REEL_OPERAND_ROWS : REEL_OPERAND_COLUMNS, .data = job->b, .ld = job->ldb};
    const reel_matrix_job product = {.threads = reel_ctx_threads(ctx),
                                     .m = swap ? job->n : job->m,
                                     .n = swap ? job->m : job->n,
                                     .k = job->k,
                                     .a = swap ? right : left,
                                     .b = swap ? left : right,
                                     .bias = job->bias,
                                     .bias_by_row = swap,
                                     .accumulate = job->accumulate,
                                     .blocked = !reel_matrix_is_running(whole_rows(job), job->k),
                                     .pieces = job->pieces,
                                     .c = job->c,
                                     .c_row = swap ? 1 : job->ldc,
                                     .c_col = swap ? job->ldc : 1,
                                     .scratch = job->scratch};
    reel_ctx_kernels(ctx)->matrix[dtype](&product);
}

/* ---- a sum in pieces ---- */

/* Whether the kernels add up the pieces themselves, block by block of C: the weight gradients of
 * large fully connected layers, which no temporary copy of C could hold. */
static bool kernel_adds_up(const reel_gemm_job *job, int64_t pieces)
{
    return job->ta && !job->tb && job->k / job->pieces * pieces <= REEL_MATRIX_KC &&
           job->n >= 4 * REEL_MATRIX_PANEL && job->m >= REEL_MATRIX_MOST_ROWS;
}

/* Rows of C at a time where partial sums need memory: at most about 8 MB of them on each level. */
static int64_t strip_rows(const reel_gemm_job *job)
{
    enum { LEAST = 64, REALS = 1 << 21 };
    const int64_t rows = REALS / job->n / LEAST * LEAST;
    if (kernel_adds_up(job, job->pieces) || rows >= job->m)
        return job->m;
    return rows > LEAST ? rows : LEAST;
}

static bool is_in_pieces(const reel_gemm_job *job)
{
    return job->pieces > 1 && job->k > 0;
}

/* The job of some pieces, for rows [i, i + rows) of C, with its result at `to`. */
static reel_gemm_job pieces_of_job(const reel_gemm_job *job, reel_dtype dtype, reel_pieces part)
{
    const size_t element = reel_dtype_size(dtype);
    const int64_t depth = job->k / job->pieces, skip = part.first * depth;
    reel_gemm_job some = *job;
    some.a = (const char *)job->a + (size_t)(job->ta ? skip * job->lda : skip) * element;
    some.b = (const char *)job->b + (size_t)(job->tb ? skip : skip * job->ldb) * element;
    some.k = depth * part.count;
    some.pieces = part.count;
    return some;
}

/* Memory for partial sums: one block of a strip's size for each level of the tree. */
typedef struct partial_sums {
    char *at;
    size_t level_bytes;
} partial_sums;

static void sum_pieces_of_job(const reel_ctx *ctx, reel_dtype dtype, const reel_gemm_job *job,
                              partial_sums partial)
{
    if (job->pieces == 1 || kernel_adds_up(job, job->pieces)) {
        one_sum(ctx, dtype, job);
        return;
    }
    const int64_t left = reel_pieces_left(job->pieces);
    const reel_gemm_job begin = pieces_of_job(job, dtype, (reel_pieces){0, left});
    reel_gemm_job rest = pieces_of_job(job, dtype, (reel_pieces){left, job->pieces - left});
    rest.c = partial.at;
    partial.at += partial.level_bytes;
    sum_pieces_of_job(ctx, dtype, &begin, partial);
    sum_pieces_of_job(ctx, dtype, &rest, partial);

    const int64_t count = job->m * job->n;
    const reel_tensor to = reel_tensor_of(job->c, dtype, 1, &count);
    const reel_tensor from = reel_tensor_of(rest.c, dtype, 1, &count);
    reel_add_tensor(ctx, &to, &from);
}

static void sum_in_pieces(const reel_ctx *ctx, reel_dtype dtype, const reel_gemm_job *job)
{
    const size_t element = reel_dtype_size(dtype);
    const int64_t rows = strip_rows(job);
    for (int64_t i = 0; i < job->m; i += rows) {
        reel_gemm_job strip = *job;
        strip.m = job->m - i < rows ? job->m - i : rows;
        strip.whole_m = whole_rows(job);
        strip.a = (const char *)job->a + (size_t)(job->ta ? i : i * job->lda) * element;
        strip.c = (char *)job->c + (size_t)(i * job->ldc) * element;

        const size_t product = one_sum_scratch(ctx, dtype, &strip);
        const partial_sums partial = {.at = (char *)job->scratch + reel_whole_lines(product),
                                      .level_bytes =
                                          reel_whole_lines((size_t)(strip.m * job->n) * element)};
        sum_pieces_of_job(ctx, dtype, &strip, partial);
    }
}

size_t reel_gemm_scratch(const reel_ctx *ctx, reel_dtype dtype, const reel_gemm_job *job)
{
    if (!is_in_pieces(job))
        return one_sum_scratch(ctx, dtype, job);
    reel_gemm_job strip = *job;
    strip.m = strip_rows(job);
    size_t bytes = reel_whole_lines(one_sum_scratch(ctx, dtype, &strip));
    if (!kernel_adds_up(job, job->pieces))
        bytes += (size_t)reel_pieces_depth(job->pieces) *
                 reel_whole_lines((size_t)(strip.m * job->n) * reel_dtype_size(dtype));
    return bytes;
}

void reel_gemm(const reel_ctx *ctx, reel_dtype dtype, const reel_gemm_job *job)
{
    if (job->m <= 0 || job->n <= 0)
        return;
    if (job->k <= 0)
        empty_sum(dtype, job);
    else if (is_in_pieces(job))
        sum_in_pieces(ctx, dtype, job);
    else
        one_sum(ctx, dtype, job);
}

/* Which loops compute the product; the blocked ones add up alike, whatever they share out. */
static int loops_of(const reel_gemm_job *job, int64_t m)
{
    const bool swap = transposed_is_better(job->ta, job->tb, m, job->n);
    const int64_t few_columns = swap ? m : job->n, few_rows = swap ? job->n : m;
    const bool rows_by_rows = !job->ta && job->tb;
    if (rows_by_rows && few_columns <= REEL_MATRIX_SMALL)
        return 1;
    return !swap && !job->tb && reel_matrix_is_running(few_rows, job->k) ? 2 : 0;
}

bool reel_gemm_rows_agree(const reel_gemm_job *job, int64_t m)
{
    return loops_of(job, job->m) == loops_of(job, m);
}
