/* Matrix product, row-major:  C (m x n) = op(A) (m x k) op(B) (k x n) + bias, or added to what C
 * holds.
 *
 * op(A) is A (lda >= k) or, with ta, the transpose of A stored k x m (lda >= m); likewise B. bias:
 * n values added to every row, or NULL. Sums over k run in an order that depends on the shape only,
 * never on the number of threads. Arrays are in the given dtype. */
#ifndef REEL_CORE_KERNELS_GEMM_H
#define REEL_CORE_KERNELS_GEMM_H

#include "core/ctx.h"
#include "core/tensor.h"

typedef struct reel_gemm_job {
    bool ta, tb, accumulate;
    int64_t m, n, k;
    const void *a;
    int64_t lda;
    const void *b;
    int64_t ldb;
    const void *bias;
    void *c;
    int64_t ldc;
    void *scratch;
} reel_gemm_job;

/* Bytes of scratch that the product needs, aligned to REEL_ALIGNMENT; reads ta, tb, m, n and k. */
size_t reel_gemm_scratch(const reel_ctx *ctx, reel_dtype dtype, const reel_gemm_job *job);
void reel_gemm(const reel_ctx *ctx, reel_dtype dtype, const reel_gemm_job *job);

#endif
