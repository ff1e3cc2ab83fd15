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
    /* The sum over k is one of so many equal pieces, which divide k: each is a product of its own,
     * and their results are added up along the tree of core/pieces.h. Not with a bias or
     * `accumulate`, and C is contiguous: ldc = n. 0 or 1: one sum. */
    int64_t pieces;
    /* C holds a part of the rows of a larger product, which has so many, and each row gets the bits
     * that it has there. 0: C is the whole. */
    int64_t whole_m;
} reel_gemm_job;

/* Bytes of scratch that the product needs, aligned to REEL_ALIGNMENT; reads ta, tb, m, n, k and
 * pieces. */
size_t reel_gemm_scratch(const reel_ctx *ctx, reel_dtype dtype, const reel_gemm_job *job);
void reel_gemm(const reel_ctx *ctx, reel_dtype dtype, const reel_gemm_job *job);

/* Whether a row of C gets the same bits where the product has only m rows: then one product does
 * for several of m rows each. */
bool reel_gemm_rows_agree(const reel_gemm_job *job, int64_t m);

#endif
