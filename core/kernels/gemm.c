/* The matrix product of gemm.h as a pair of operands of the blocked product. */
#include "core/kernels/gemm.h"

#include "core/kernels/matrix.h"

/* Where C is wide, B is the long weight matrix of y = x W^T or dx = dy W. The transposed product
 * has it on the side that is read once, as it lies, and copied ahead; x and dy are transposed
 * instead. A^T B wants no such thing: its rows are B's. */
static bool transposed_is_better(bool ta, bool tb, int64_t m, int64_t n)
{
    return n > m && (tb || (!ta && m > REEL_MATRIX_SMALL));
}

size_t reel_gemm_scratch(const reel_ctx *ctx, reel_dtype dtype, const reel_gemm_job *job)
{
    const bool swap = transposed_is_better(job->ta, job->tb, job->m, job->n);
    const size_t element = dtype == REEL_F64 ? sizeof(double) : sizeof(float);
    return reel_matrix_scratch(reel_ctx_threads(ctx), swap ? job->n : job->m,
                               swap ? job->m : job->n, job->k, false, element);
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

void reel_gemm(const reel_ctx *ctx, reel_dtype dtype, const reel_gemm_job *job)
{
    if (job->m <= 0 || job->n <= 0)
        return;
    if (job->k <= 0) {
        empty_sum(dtype, job);
        return;
    }

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
                                     .c = job->c,
                                     .c_row = swap ? 1 : job->ldc,
                                     .c_col = swap ? job->ldc : 1,
                                     .scratch = job->scratch};
    reel_ctx_kernels(ctx)->matrix[dtype](&product);
}
