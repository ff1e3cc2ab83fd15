/* Elementwise operators of one input. An operator states two expressions; loops, cases and
 * descriptor are here, once.
 *
 *     REEL_UNARY_PASSES(exp, REEL_OP_NEEDS_OUTPUT, , REEL_MATH(exp)(x), (dy * y))
 *     #ifdef REEL_ONCE
 *     REEL_UNARY_BUILDER(exp)
 *     REEL_UNARY_OP(exp, REEL_OP_NEEDS_OUTPUT, NULL, REEL_DRAW_NORMAL)
 *     #endif
 *
 * `needs` says what backward reads: x only with REEL_OP_NEEDS_INPUTS, y only with
 * REEL_OP_NEEDS_OUTPUT. `setup` holds declarations that both expressions may use, such as
 * attributes from c->attrs. An operator with attributes writes its builder itself, and `static
 * reel_var build_case(reel_tape *tape, const reel_var *in)` for the gradient check. */
#ifndef REEL_CORE_OPS_UNARY_H
#define REEL_CORE_OPS_UNARY_H

#include "core/op_impl.h"

#define REEL_UNARY_PASSES(name, needs, setup, value, slope)                                        \
    REEL_DECLARE_OP(name);                                                                         \
    void REEL_FN(reel_##name##_forward)(const reel_call *c)                                        \
    {                                                                                              \
        const reel_real *from = c->in[0].data;                                                     \
        reel_real *to = c->out.data;                                                               \
        const int64_t n = reel_tensor_numel(&c->out);                                              \
        setup REEL_PARALLEL_FOR(c, i, n)                                                           \
        {                                                                                          \
            const reel_real x = from[i];                                                           \
            to[i] = (value);                                                                       \
        }                                                                                          \
    }                                                                                              \
    void REEL_FN(reel_##name##_backward)(const reel_call *c)                                       \
    {                                                                                              \
        const reel_real *xs = c->in[0].data, *ys = c->out.data, *dys = c->dout.data;               \
        reel_real *dxs = c->din[0].data;                                                           \
        const int64_t n = reel_tensor_numel(&c->dout);                                             \
        setup if (c->fresh[0]) REEL_PARALLEL_FOR(c, i, n)                                          \
        {                                                                                          \
            REEL_UNARY_OPERANDS(needs)                                                             \
            dxs[i] = (slope);                                                                      \
        }                                                                                          \
        else REEL_PARALLEL_FOR(c, i, n)                                                            \
        {                                                                                          \
            REEL_UNARY_OPERANDS(needs)                                                             \
            dxs[i] += (slope);                                                                     \
        }                                                                                          \
    }

/* `needs` is a constant: what is not needed is not read. */
#define REEL_UNARY_OPERANDS(needs)                                                                 \
    const reel_real x = (needs) & REEL_OP_NEEDS_INPUTS ? xs[i] : 0,                                \
                    y = (needs) & REEL_OP_NEEDS_OUTPUT ? ys[i] : 0, dy = dys[i];                   \
    (void)x, (void)y;

#define REEL_UNARY_BUILDER(name)                                                                   \
    reel_var reel_##name(reel_var x)                                                               \
    {                                                                                              \
        return reel_apply(&reel_op_##name, NULL, 0, &x, 1);                                        \
    }                                                                                              \
    static reel_var build_case(reel_tape *tape, const reel_var *in)                                \
    {                                                                                              \
        (void)tape;                                                                                \
        return reel_##name(in[0]);                                                                 \
    }                                                                                              \
    static reel_var random_build(reel_tape *tape, const reel_var *in, const void *attrs)           \
    {                                                                                              \
        (void)attrs;                                                                               \
        return build_case(tape, in);                                                               \
    }                                                                                              \
    static void random_attrs(reel_rng *rng, reel_op_sample *s)                                     \
    {                                                                                              \
        (void)rng, (void)s;                                                                        \
    }

/* The operator's file has build_case, random_build and random_attrs. */
#define REEL_UNARY_OP(label, needs, check, how)                                                    \
    static void random_use(reel_rng *rng, reel_op_sample *s)                                       \
    {                                                                                              \
        s->build = random_build;                                                                   \
        s->draw = how;                                                                             \
        s->n_in = 1;                                                                               \
        reel_random_shape(rng, s, 0, 0, REEL_MAX_DIMS);                                            \
        random_attrs(rng, s);                                                                      \
    }                                                                                              \
    static const reel_op_case cases[] = {                                                          \
        {"number", build_case, how, 1, {{0, {0}}}},                                                \
        {"vector", build_case, how, 1, {{1, {7}}}},                                                \
        {"matrix", build_case, how, 1, {{2, {5, 3}}}},                                             \
        {"images", build_case, how, 1, {{4, {2, 3, 4, 5}}}},                                       \
    };                                                                                             \
    const reel_op reel_op_##label = {.name = #label,                                               \
                                     .min_in = 1,                                                  \
                                     .max_in = 1,                                                  \
                                     .flags = (needs) | REEL_OP_ASSIGNS,                           \
                                     .infer = check,                                               \
                                     .forward = REEL_BOTH(reel_##label##_forward),                 \
                                     .backward = REEL_BOTH(reel_##label##_backward),               \
                                     .cases = cases,                                               \
                                     .n_cases = REEL_COUNT(cases),                                 \
                                     .random = random_use};

#endif
