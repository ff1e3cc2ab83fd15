/* Elementwise operators of two inputs with NumPy's broadcasting. An operator states three
 * expressions in a, b and dy: its value and the contribution of one output element to either
 * gradient; what broadcasting repeated, the gradient sums.
 *
 * `needs` is REEL_OP_NEEDS_INPUTS where the gradients read a or b, else 0. */
#ifndef REEL_CORE_OPS_BINARY_H
#define REEL_CORE_OPS_BINARY_H

#include "core/op_impl.h"
#include "core/ops/strided.h"

/* Three terms (core/ops/strided.h): value_term of (a, b), to_a_term and to_b_term of (dy, a, b). */
#define REEL_BINARY_TERMS(needs, value, to_a, to_b)                                                \
    REEL_BINARY_TERM(value_term, true, p[0], s[0], p[1], s[1], NULL, 0, value)                     \
    REEL_BINARY_TERM(to_a_term, (needs) & REEL_OP_NEEDS_INPUTS, p[1], s[1], p[2], s[2], p[0],      \
                     s[0], to_a)                                                                   \
    REEL_BINARY_TERM(to_b_term, (needs) & REEL_OP_NEEDS_INPUTS, p[1], s[1], p[2], s[2], p[0],      \
                     s[0], to_b)

/* The loop is written once and compiled for the strides that occur along memory, which are 1 and 0,
 * so that it vectorises. */
#define REEL_BINARY_TERM(name, reads, pa, stride_a, pb, stride_b, pdy, stride_dy, value)           \
    static inline __attribute__((always_inline)) void name##_loop(                                 \
        int64_t n, const reel_real *as, int64_t sa, const reel_real *bs, int64_t sb,               \
        const reel_real *dys, int64_t sdy, reel_real *out)                                         \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const reel_real a = (reads) ? as[i * sa] : 0, b = (reads) ? bs[i * sb] : 0,            \
                            dy = dys ? dys[i * sdy] : 0;                                           \
            (void)a, (void)b, (void)dy;                                                            \
            out[i] = (value);                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void name(int64_t n, const reel_real *const *p, const int64_t *s, reel_real *out)       \
    {                                                                                              \
        const reel_real *dys = pdy;                                                                \
        const bool along = !dys || (stride_dy) == 1;                                               \
        if (along && (stride_a) == 1 && (stride_b) == 1)                                           \
            name##_loop(n, pa, 1, pb, 1, dys, 1, out);                                             \
        else if (along && (stride_a) == 1 && (stride_b) == 0)                                      \
            name##_loop(n, pa, 1, pb, 0, dys, 1, out);                                             \
        else if (along && (stride_a) == 0 && (stride_b) == 1)                                      \
            name##_loop(n, pa, 0, pb, 1, dys, 1, out);                                             \
        else                                                                                       \
            name##_loop(n, pa, stride_a, pb, stride_b, dys, stride_dy, out);                       \
    }

#define REEL_BINARY_PASSES(name)                                                                   \
    void REEL_FN(reel_##name##_forward)(const reel_call *c)                                        \
    {                                                                                              \
        REEL_FN(reel_map)(c->ctx, value_term, 2, c->in, &c->out, false, 1);                        \
    }                                                                                              \
    void REEL_FN(reel_##name##_backward)(const reel_call *c)                                       \
    {                                                                                              \
        const reel_tensor from[] = {c->dout, c->in[0], c->in[1]};                                  \
        if (c->din[0].data)                                                                        \
            REEL_FN(reel_reduce)(c->ctx, to_a_term, 3, from, &c->din[0], !c->fresh[0], 1);         \
        if (c->din[1].data)                                                                        \
            REEL_FN(reel_reduce)(c->ctx, to_b_term, 3, from, &c->din[1], !c->fresh[1], 1);         \
    }

#ifdef REEL_ONCE
/* The shape that both broadcast to: aligned at the last dimension, sizes are equal or one of them
 * is 1. */
static inline reel_status broadcast_infer(reel_infer *q, reel_error *err)
{
    const reel_tensor *a = &q->in[0], *b = &q->in[1];
    q->ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
    for (int d = 0; d < q->ndim; d++) {
        const int da = d - (q->ndim - a->ndim), db = d - (q->ndim - b->ndim);
        const int64_t na = da >= 0 ? a->shape[da] : 1, nb = db >= 0 ? b->shape[db] : 1;
        if (na != nb && na != 1 && nb != 1)
            return reel_fail(err, REEL_ERR_INVALID,
                             "shapes do not broadcast: dimension %d of the result: expected equal "
                             "sizes or a 1, got %lld and %lld",
                             d, (long long)na, (long long)nb);
        q->shape[d] = na == 1 ? nb : na;
    }
    return REEL_OK;
}
#endif

#define REEL_BINARY_OP(label, needs, how)                                                          \
    reel_var reel_##label(reel_var a, reel_var b)                                                  \
    {                                                                                              \
        return reel_apply(&reel_op_##label, NULL, 0, (reel_var[]){a, b}, 2);                       \
    }                                                                                              \
    static reel_var case_two(reel_tape *tape, const reel_var *in)                                  \
    {                                                                                              \
        (void)tape;                                                                                \
        return reel_##label(in[0], in[1]);                                                         \
    }                                                                                              \
    static reel_var case_with_itself(reel_tape *tape, const reel_var *in)                          \
    {                                                                                              \
        (void)tape;                                                                                \
        return reel_##label(reel_exp(in[0]), reel_##label(in[0], in[1]));                          \
    }                                                                                              \
    static reel_var random_build(reel_tape *tape, const reel_var *in, const void *attrs)           \
    {                                                                                              \
        (void)tape, (void)attrs;                                                                   \
        return reel_##label(in[0], in[1]);                                                         \
    }                                                                                              \
    static void random_use(reel_rng *rng, reel_op_sample *s)                                       \
    {                                                                                              \
        s->build = random_build;                                                                   \
        s->draw = how;                                                                             \
        s->n_in = 2;                                                                               \
        reel_random_broadcast(rng, s);                                                             \
    }                                                                                              \
    static const reel_op_case cases[] = {                                                          \
        {"numbers", case_two, how, 2, {{0, {0}}, {0, {0}}}},                                       \
        {"vectors", case_two, how, 2, {{1, {7}}, {1, {7}}}},                                       \
        {"images", case_two, how, 2, {{4, {2, 3, 4, 5}}, {4, {2, 3, 4, 5}}}},                      \
        {"an input used twice", case_with_itself, how, 2, {{2, {2, 3}}, {2, {2, 3}}}},             \
        {"matrix and number", case_two, how, 2, {{2, {4, 3}}, {0, {0}}}},                          \
        {"matrix and row", case_two, how, 2, {{2, {4, 3}}, {1, {3}}}},                             \
        {"column and row", case_two, how, 2, {{2, {4, 1}}, {2, {1, 5}}}},                          \
        {"both grow", case_two, how, 2, {{3, {4, 1, 3}}, {2, {5, 1}}}},                            \
        {"images and channels", case_two, how, 2, {{4, {2, 3, 4, 5}}, {3, {3, 1, 1}}}},            \
        {"images and width", case_two, how, 2, {{4, {2, 3, 4, 5}}, {1, {5}}}},                     \
        {"one image for a batch", case_two, how, 2, {{3, {3, 4, 5}}, {4, {2, 3, 4, 5}}}},          \
        {"images of both sides", case_two, how, 2, {{4, {2, 3, 1, 1}}, {4, {1, 3, 4, 5}}}},        \
        {"five dimensions", case_two, how, 2, {{5, {2, 1, 3, 1, 2}}, {4, {3, 1, 4, 2}}}},          \
    };                                                                                             \
    const reel_op reel_op_##label = {.name = #label,                                               \
                                     .min_in = 2,                                                  \
                                     .max_in = 2,                                                  \
                                     .flags = (needs) | REEL_OP_ASSIGNS,                           \
                                     .infer = broadcast_infer,                                     \
                                     .forward = REEL_BOTH(reel_##label##_forward),                 \
                                     .backward = REEL_BOTH(reel_##label##_backward),               \
                                     .cases = cases,                                               \
                                     .n_cases = REEL_COUNT(cases),                                 \
                                     .random = random_use};

#endif
