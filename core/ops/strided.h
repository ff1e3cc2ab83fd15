/* What elementwise operators, reductions and changes of shape share: one map and one reduction over
 * tensors of any strides.
 *
 * A "term" computes a run of n values: out[i] = f(p[0][i s[0]], p[1][i s[1]], ...). Only the term
 * differs from operator to operator; walking, broadcasting, threads and accumulation are in
 * core/ops/strided_real.c, once for each dtype.
 *
 *   map      out (+)= scale f(in...)        inputs broadcast to out's shape
 *   reduce   out (+)= scale sum f(in...)    over the dimensions of in[0] that out lacks or has with
 *                                           size 1
 *   copy     dst (+)= scale src             src broadcast to dst's shape
 *
 * Without `add`, out is overwritten and may hold anything. Sums run in double, in an order that the
 * shapes alone decide: threads share the outputs, or fixed parts of a total. Inputs whose data is
 * NULL are not read. */
#ifndef REEL_CORE_OPS_STRIDED_H
#define REEL_CORE_OPS_STRIDED_H

#include "core/ctx.h"
#include "core/real.h"
#include "core/tensor.h"

/* Where results go. */
typedef struct reel_target {
    const reel_tensor *out;
    bool add; /* add to what is there */
    double scale;
} reel_target;

typedef void REEL_FN(reel_term)(int64_t n, const reel_real *const *p, const int64_t *s,
                                reel_real *out);

void REEL_FN(reel_map)(const reel_ctx *ctx, REEL_FN(reel_term) * term, int n_in,
                       const reel_tensor *in, reel_target target);
void REEL_FN(reel_reduce)(const reel_ctx *ctx, REEL_FN(reel_term) * term, int n_in,
                          const reel_tensor *in, reel_target target);
void REEL_FN(reel_strided_copy)(const reel_ctx *ctx, const reel_tensor *dst, const reel_tensor *src,
                                bool add, double scale);

/* The term of copies. */
void REEL_FN(reel_identity)(int64_t n, const reel_real *const *p, const int64_t *s, reel_real *out);

#endif
