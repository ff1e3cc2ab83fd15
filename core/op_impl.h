/* For files in core/ops only: how an operator's file is laid out, on top of core/real.h.
 *
 * The build compiles core/ops/op_NAME.c twice, with REEL_REAL_BITS=32 and 64. `reel_real` is float
 * or double, and REEL_FN(f) is f_f32 or f_f64. What exists once stands under `#ifdef REEL_ONCE`,
 * which only the 32-bit pass defines. What users see stands under `#ifdef REEL_PUBLIC`: the build
 * copies it into core/op_builders.h, and the compiler skips it here.
 *
 * core/ops/README.md has a complete example. */
#ifndef REEL_CORE_OP_IMPL_H
#define REEL_CORE_OP_IMPL_H

#include "core/op.h"
#include "core/op_random.h"
#include "core/ops.h"
#include "core/real.h"

/* Stands at the top of every operator file: prototypes of its passes and the descriptor. */
#define REEL_DECLARE_OP(name) REEL_DECLARE_OP_(name)
#define REEL_DECLARE_OP_(name)                                                                     \
    void reel_##name##_forward_f32(const reel_call *c);                                            \
    void reel_##name##_forward_f64(const reel_call *c);                                            \
    void reel_##name##_backward_f32(const reel_call *c);                                           \
    void reel_##name##_backward_f64(const reel_call *c);                                           \
    void reel_##name##_forward_bf16(const reel_call *c);  /* where there is one */                 \
    void reel_##name##_backward_bf16(const reel_call *c); /* likewise */                           \
    extern const reel_op reel_op_##name

/* Names from parts that may be macros: REEL_JOIN(reel_, NAME, _forward). */
#define REEL_JOIN_(a, b, c) a##b##c
#define REEL_JOIN(a, b, c) REEL_JOIN_(a, b, c)

/* A row of cases; what a row says besides stands in braces: {.label = ..., .build = ...}. */
#define REEL_CASE(label_, in_, ...) {.label = label_, .in = in_, .attrs = __VA_ARGS__}

/* A descriptor: its name, the least and the most inputs, both passes for both dtypes, and the
 * members that follow: REEL_OP(mul, 2, 2, .flags = ..., .infer = ..., REEL_CHECKS(...)). */
#define REEL_OP(name_, least, most, ...) REEL_OP_(name_, least, most, __VA_ARGS__)
#define REEL_OP_(name_, least, most, ...)                                                          \
    {.name = #name_,                                                                               \
     .min_in = least,                                                                              \
     .max_in = most,                                                                               \
     .forward = REEL_BOTH(reel_##name_##_forward),                                                 \
     .backward = REEL_BOTH(reel_##name_##_backward),                                               \
     __VA_ARGS__}
/* The same with passes that take values and gradients in bf16 (reel_infer's takes_bf16). */
#define REEL_OP_WITH_BF16(name_, least, most, ...)                                                 \
    {.name = #name_,                                                                               \
     .min_in = least,                                                                              \
     .max_in = most,                                                                               \
     .forward = {reel_##name_##_forward_f32, reel_##name_##_forward_f64,                           \
                 reel_##name_##_forward_bf16},                                                     \
     .backward = {reel_##name_##_backward_f32, reel_##name_##_backward_f64,                        \
                  reel_##name_##_backward_bf16},                                                   \
     __VA_ARGS__}
/* Members: the cases and the random use that it is checked with. */
#define REEL_CHECKS(rows, draws) .cases = (rows), .n_cases = REEL_COUNT(rows), .random = (draws)

/* A loop over 0 <= i < n that the context's threads share. Each thread takes a contiguous part:
 * bits do not depend on the number of threads as long as the body writes only what belongs to i. */
#define REEL_PRAGMA(text) _Pragma(#text)
#define REEL_PARALLEL_FOR(call, i, n)                                                              \
    REEL_PRAGMA(omp parallel for schedule(static)                                                  \
                    num_threads(reel_ctx_threads((call)->ctx)) if ((n) > 16384))                   \
    for (int64_t i = 0; i < (n); i++)

#endif
