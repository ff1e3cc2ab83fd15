/* What elementwise operators, reductions and changes of shape share: one map and one reduction over
 * tensors of any strides.
 *
 * A "term" computes a run of n values: out[i] = f(p[0][i s[0]], p[1][i s[1]], ...). It is all that
 * tells one operator from another; walking, broadcasting, threads and accumulation are in
 * core/ops/strided_real.c, once.
 *
 *   map      out (+)= scale f(in...)          inputs broadcast to out's shape
 *   reduce   out (+)= scale sum f(in...)      over every dimension of in[0] that out lacks or has
 * with size 1 copy     dst (+)= scale src               src broadcast to dst's shape
 *
 * Without `add`, out is overwritten and may hold anything. Sums run in double, in an order that the
 * shapes alone decide: threads share out the outputs, or fixed parts of a total. Inputs whose data
 * is NULL are not read. */
#ifndef REEL_CORE_OPS_STRIDED_H
#define REEL_CORE_OPS_STRIDED_H

#include "core/ctx.h"
#include "core/tensor.h"

#define REEL_STRIDED_DECLARE(real, suffix)                                                         \
    typedef void reel_term_##suffix(int64_t n, const real *const *p, const int64_t *s, real *out); \
    void reel_map_##suffix(const reel_ctx *ctx, reel_term_##suffix *term, int n_in,                \
                           const reel_tensor *in, const reel_tensor *out, bool add, double scale); \
    void reel_reduce_##suffix(const reel_ctx *ctx, reel_term_##suffix *term, int n_in,             \
                              const reel_tensor *in, const reel_tensor *out, bool add,             \
                              double scale);                                                       \
    void reel_strided_copy_##suffix(const reel_ctx *ctx, const reel_tensor *dst,                   \
                                    const reel_tensor *src, bool add, double scale);               \
    void reel_identity_##suffix(int64_t n, const real *const *p, const int64_t *s,                 \
                                real *out) /* the term of copies */
REEL_STRIDED_DECLARE(float, f32);
REEL_STRIDED_DECLARE(double, f64);

#endif
