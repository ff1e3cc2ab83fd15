/* For files in core/ops only: how an operator file is laid out, on top of core/real.h.
 *
 * CMake compiles core/ops/op_NAME.c with REEL_REAL_BITS=32 and again with 64. `reel_real` is float
 * or double; REEL_FN(f) is f_f32 or f_f64. The part that exists once (infer, builder, cases,
 * descriptor) stands under `#ifdef REEL_ONCE`, which only the 32-bit pass defines:
 *
 *     REEL_DECLARE_OP(exp);
 *     void REEL_FN(reel_exp_forward)(const reel_call *c) { ... }
 *     void REEL_FN(reel_exp_backward)(const reel_call *c) { ... }
 *     #ifdef REEL_ONCE
 *     reel_var reel_exp(reel_var x) { return reel_apply(&reel_op_exp, NULL, 0, &x, 1); }
 *     const reel_op reel_op_exp = {.name = "exp", ..., .forward = REEL_BOTH(reel_exp_forward),
 * ...}; #endif
 */
#ifndef REEL_CORE_OP_IMPL_H
#define REEL_CORE_OP_IMPL_H

#include "core/op.h"
#include "core/op_random.h"
#include "core/ops.h"
#include "core/real.h"

/* Stands at the top of every operator file: prototypes of its passes and the descriptor. */
#define REEL_DECLARE_OP(name)                                                                      \
    void reel_##name##_forward_f32(const reel_call *c);                                            \
    void reel_##name##_forward_f64(const reel_call *c);                                            \
    void reel_##name##_backward_f32(const reel_call *c);                                           \
    void reel_##name##_backward_f64(const reel_call *c);                                           \
    extern const reel_op reel_op_##name

/* Fills n elements in parallel: REEL_PARALLEL_FOR(c, i, n) body. Each thread owns a contiguous
 * part: bits do not depend on the number of threads as long as the body writes only what belongs to
 * i. */
#define REEL_PRAGMA(text) _Pragma(#text)
#define REEL_PARALLEL_FOR(call, i, n)                                                                          \
    REEL_PRAGMA(omp parallel for schedule(static) num_threads(reel_ctx_threads((call)->ctx)) if ((n) > 16384)) \
    for (int64_t i = 0; i < (n); i++)

#endif
