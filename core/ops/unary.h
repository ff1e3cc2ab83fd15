/* Template: an elementwise operator of one input. The operator's file defines
 *
 *     static inline reel_real exp_value(reel_unary u)     y, from u.x
 *     static inline reel_real exp_slope(reel_unary u)     what is added to dx, from u.x, u.y, u.dy
 *     #define REEL_UNARY exp
 *     #define REEL_UNARY_VALUE REEL_MATH(exp)             instead of exp_value: y = f(u.x)
 *     #define REEL_UNARY_FLAGS REEL_OP_NEEDS_OUTPUT       what exp_slope reads; 0: only u.dy
 *     #define REEL_UNARY_DRAW REEL_DRAW_POSITIVE          unless REEL_DRAW_NORMAL will do
 *     #define REEL_UNARY_CASES hardswish_cases            unless unary_cases will do
 *     #include "core/ops/unary.h"
 *
 * and gets the passes reel_exp_forward and reel_exp_backward, the builder reel_exp and the
 * descriptor reel_op_exp.
 *
 * Both functions may read attributes at u.attrs. An operator with attributes leaves out
 * REEL_UNARY_FLAGS, gets only the passes, and writes builder and descriptor itself. Without
 * REEL_UNARY the header gives only reel_unary, the check cases unary_cases and the random use
 * unary_random. */
#ifndef REEL_CORE_OPS_UNARY_H
#define REEL_CORE_OPS_UNARY_H

#include "core/op_impl.h"

/* One element. In a slope, x is 0 without REEL_OP_NEEDS_INPUTS, and y without
 * REEL_OP_NEEDS_OUTPUT. */
typedef struct reel_unary {
    reel_real x, y, dy;
    const void *attrs;
} reel_unary;

#define UNARY(part) REEL_JOIN(REEL_UNARY, _, part)
#define UNARY_PASS(pass) REEL_JOIN(reel_, REEL_UNARY, REEL_FN(pass))

#ifdef REEL_ONCE
static const reel_op_case unary_cases[] = {
    {.label = "number", .in = "()"},
    {.label = "vector", .in = "(7)"},
    {.label = "matrix", .in = "(5, 3)"},
    {.label = "images", .in = "(2, 3, 4, 5)"},
};

static inline void unary_random(reel_rng *rng, reel_op_sample *s)
{
    s->n_in = 1;
    reel_random_shape(rng, s, 0, 0, REEL_MAX_DIMS);
}
#endif
#endif

#ifdef REEL_UNARY
REEL_DECLARE_OP(REEL_UNARY);

#ifdef REEL_UNARY_VALUE
static inline reel_real UNARY(value)(reel_unary u)
{
    return REEL_UNARY_VALUE(u.x);
}
#endif

void UNARY_PASS(_forward)(const reel_call *c)
{
    const void *attrs = c->attrs;
    const reel_real *x = c->in[0].data;
    reel_real *y = c->out.data;
    const int64_t n = reel_tensor_numel(&c->out);

    REEL_PARALLEL_FOR(c, i, n)
        y[i] = UNARY(value)((reel_unary){.x = x[i], .attrs = attrs});
}

/* What backward has is known when the flags are: a test in the loop would keep a long slope from
 * becoming vectors. */
#ifdef REEL_UNARY_FLAGS
#define UNARY_HAS(flag, at) (((REEL_UNARY_FLAGS) & (flag)) != 0)
#else
#define UNARY_HAS(flag, at) ((at) != NULL)
#endif

/* Element i. A slope that does not read x or y does not load it either. */
static inline reel_unary unary_at(const reel_call *c, int64_t i)
{
    const reel_real *x = c->in[0].data, *y = c->out.data, *dy = c->dout.data;
    return (reel_unary){.x = UNARY_HAS(REEL_OP_NEEDS_INPUTS, x) ? x[i] : 0,
                        .y = UNARY_HAS(REEL_OP_NEEDS_OUTPUT, y) ? y[i] : 0,
                        .dy = dy[i],
                        .attrs = c->attrs};
}

void UNARY_PASS(_backward)(const reel_call *c)
{
    reel_real *dx = c->din[0].data;
    const int64_t n = reel_tensor_numel(&c->dout);

    /* dx may lie over dy: the compiler has to be told that elements do not depend on each other. */
    const int threads = reel_ctx_threads(c->ctx);
    if (c->fresh[0])
#pragma omp parallel for simd schedule(static) num_threads(threads) if (n > 16384)
        for (int64_t i = 0; i < n; i++)
            dx[i] = UNARY(slope)(unary_at(c, i));
    else
#pragma omp parallel for simd schedule(static) num_threads(threads) if (n > 16384)
        for (int64_t i = 0; i < n; i++)
            dx[i] += UNARY(slope)(unary_at(c, i));
}
#endif

#if defined(REEL_UNARY_FLAGS) && defined(REEL_ONCE)
#ifndef REEL_UNARY_DRAW
#define REEL_UNARY_DRAW REEL_DRAW_NORMAL
#endif
#ifndef REEL_UNARY_CASES
#define REEL_UNARY_CASES unary_cases
#endif

#define ONE_INPUT REEL_UNARY
#define ONE_INPUT_FLAGS (REEL_UNARY_FLAGS | REEL_OP_GRAD_OVER_DOUT | REEL_OP_ROWS)
#define ONE_INPUT_INFER NULL
#define ONE_INPUT_DRAW REEL_UNARY_DRAW
#define ONE_INPUT_CASES REEL_UNARY_CASES
#define ONE_INPUT_RANDOM unary_random
#include "core/ops/one_input.h"
#endif
