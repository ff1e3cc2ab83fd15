/* Matrix product, row-major:  C (m x n) = op(A) (m x k) op(B) (k x n) + bias, or added to what C holds.
 *
 * op(A) is A (lda >= k) or, with ta, the transpose of A stored k x m (lda >= m); likewise B. bias: n values added to every row,
 * or NULL. Sums over k run in an order that depends on the shape only, never on the number of threads.
 * _scratch says how many bytes the product needs, aligned to REEL_ALIGNMENT. */
#ifndef REEL_CORE_KERNELS_GEMM_H
#define REEL_CORE_KERNELS_GEMM_H

#include "core/ctx.h"

#define REEL_GEMM_DECLARE(real, suffix)                                                                                        \
    size_t reel_gemm_scratch_##suffix(const reel_ctx *ctx, bool ta, bool tb, int64_t m, int64_t n, int64_t k);                 \
    void reel_gemm_##suffix(const reel_ctx *ctx, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const real *a,             \
                            int64_t lda, const real *b, int64_t ldb, const real *bias, bool accumulate, real *c, int64_t ldc,  \
                            void *scratch);
REEL_GEMM_DECLARE(float, f32)
REEL_GEMM_DECLARE(double, f64)

#endif
