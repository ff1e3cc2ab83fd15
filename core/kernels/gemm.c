/* The matrix product of gemm.h as a pair of operands of the blocked product. */
#include "core/kernels/gemm.h"

#include "core/kernels/matrix.h"

/* Where C is wide, B is the long weight matrix of y = x W^T or dx = dy W. The transposed product has it on the side that is
 * read once, as it lies, and copied ahead; x and dy are transposed instead. A^T B wants no such thing: its rows are B's. */
static bool transposed_is_better(bool ta, bool tb, int64_t m, int64_t n)
{
    return n > m && (tb || (!ta && m > REEL_MATRIX_SMALL));
}

static size_t gemm_scratch(const reel_ctx *ctx, bool ta, bool tb, int64_t m, int64_t n, int64_t k, size_t element)
{
    const bool swap = transposed_is_better(ta, tb, m, n);
    return reel_matrix_scratch(reel_ctx_threads(ctx), swap ? n : m, swap ? m : n, k, false, element);
}

size_t reel_gemm_scratch_f32(const reel_ctx *ctx, bool ta, bool tb, int64_t m, int64_t n, int64_t k)
{
    return gemm_scratch(ctx, ta, tb, m, n, k, sizeof(float));
}

size_t reel_gemm_scratch_f64(const reel_ctx *ctx, bool ta, bool tb, int64_t m, int64_t n, int64_t k)
{
    return gemm_scratch(ctx, ta, tb, m, n, k, sizeof(double));
}

/* k = 0: the sum is empty, and the blocked product has no block to write. */
#define REEL_GEMM_DEFINE(real, suffix, is_f64)                                                                                 \
    void reel_gemm_##suffix(const reel_ctx *ctx, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const real *a,             \
                            int64_t lda, const real *b, int64_t ldb, const real *bias, bool accumulate, real *c, int64_t ldc,  \
                            void *scratch)                                                                                     \
    {                                                                                                                          \
        const bool swap = transposed_is_better(ta, tb, m, n);                                                                  \
        const reel_operand left = {ta ? REEL_OPERAND_COLUMNS : REEL_OPERAND_ROWS, a, lda, NULL, NULL};                         \
        const reel_operand right = {tb ? REEL_OPERAND_ROWS : REEL_OPERAND_COLUMNS, b, ldb, NULL, NULL};                        \
        const reel_matrix_job job = {.threads = reel_ctx_threads(ctx),                                                         \
                                     .m = swap ? n : m,                                                                        \
                                     .n = swap ? m : n,                                                                        \
                                     .k = k,                                                                                   \
                                     .a = swap ? right : left,                                                                 \
                                     .b = swap ? left : right,                                                                 \
                                     .bias = bias,                                                                             \
                                     .bias_by_row = swap,                                                                      \
                                     .accumulate = accumulate,                                                                 \
                                     .c = c,                                                                                   \
                                     .c_row = swap ? 1 : ldc,                                                                  \
                                     .c_col = swap ? ldc : 1,                                                                  \
                                     .scratch = scratch};                                                                      \
        if (m <= 0 || n <= 0) return;                                                                                          \
        if (k > 0) {                                                                                                           \
            reel_matrix_for(reel_ctx_isa(ctx), is_f64)(&job);                                                                  \
            return;                                                                                                            \
        }                                                                                                                      \
        for (int64_t i = 0; i < m; i++)                                                                                        \
            for (int64_t j = 0; j < n; j++) c[i * ldc + j] = (accumulate ? c[i * ldc + j] : 0) + (bias ? bias[j] : 0);         \
    }
REEL_GEMM_DEFINE(float, f32, false)
REEL_GEMM_DEFINE(double, f64, true)
