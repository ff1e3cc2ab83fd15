/* What sum, mean and max share: attributes, the shape of the result, and its view in the input's
 * dimensions. */
#ifndef REEL_CORE_OPS_REDUCE_H
#define REEL_CORE_OPS_REDUCE_H

#include "core/op_impl.h"
#include "core/ops/strided.h"

typedef struct reduce_attrs {
    unsigned axes; /* bit d = dimension d; 0 = all */
    bool keepdim;
} reduce_attrs;

static inline bool reduces(const reduce_attrs *attrs, int d)
{
    return attrs->axes == 0 || attrs->axes >> d & 1u;
}

/* The result t described with the input's rank: reduced dimensions have size 1, and thus repeat
 * when walked with the input. */
static inline reel_tensor reduce_view(const reel_call *c, reel_tensor t)
{
    const reduce_attrs *attrs = c->attrs;
    if (attrs->keepdim)
        return t;
    reel_tensor view = {
        .data = t.data, .dtype = t.dtype, .layout = REEL_STRIDED, .ndim = c->in[0].ndim};
    for (int d = 0, own = 0; d < view.ndim; d++) {
        view.shape[d] = 1;
        if (reduces(attrs, d))
            continue;
        view.shape[d] = t.shape[own];
        view.stride[d] = t.stride[own++];
    }
    return view;
}

/* How many elements go into one of the result. */
static inline int64_t reduce_count(const reel_call *c)
{
    return reel_tensor_numel(&c->in[0]) / reel_tensor_numel(&c->out);
}

/* y = scale sum x;  dx = scale dy, repeated. */
static inline void scaled_sum_forward(const reel_call *c, double scale)
{
    const reel_tensor out = reduce_view(c, c->out);
    REEL_FN(reel_reduce)(c->ctx, REEL_FN(reel_identity), 1, c->in, &out, false, scale);
}

static inline void scaled_sum_backward(const reel_call *c, double scale)
{
    const reel_tensor dout = reduce_view(c, c->dout);
    REEL_FN(reel_strided_copy)(c->ctx, &c->din[0], &dout, !c->fresh[0], scale);
}

#ifdef REEL_ONCE
static inline reel_status reduce_infer(reel_infer *q, reel_error *err)
{
    const reduce_attrs *attrs = q->attrs;
    const reel_tensor *x = &q->in[0];
    if (attrs->axes >> x->ndim)
        return reel_fail(err, REEL_ERR_INVALID, "axes: expected bits 0 to %d, got mask 0x%x",
                         x->ndim - 1, attrs->axes);
    if (reel_tensor_numel(x) == 0)
        return reel_fail(err, REEL_ERR_INVALID, "expected at least one element, got none");
    q->ndim = 0;
    for (int d = 0; d < x->ndim; d++) {
        if (!reduces(attrs, d))
            q->shape[q->ndim++] = x->shape[d];
        else if (attrs->keepdim)
            q->shape[q->ndim++] = 1;
    }
    return REEL_OK;
}
#endif

/* Builder, cases and descriptor. */
#define REEL_REDUCE_OP(label, pass_flags, pass_infer, how)                                         \
    reel_var reel_##label(reel_var x, unsigned axes, bool keepdim)                                 \
    {                                                                                              \
        const reduce_attrs attrs = {axes, keepdim};                                                \
        return reel_apply(&reel_op_##label, &attrs, sizeof attrs, &x, 1);                          \
    }                                                                                              \
    REEL_REDUCE_CASE(label, all, 0, false)                                                         \
    REEL_REDUCE_CASE(label, all_kept, 0, true)                                                     \
    REEL_REDUCE_CASE(label, first, 1, false)                                                       \
    REEL_REDUCE_CASE(label, second, 2, false)                                                      \
    REEL_REDUCE_CASE(label, second_kept, 2, true)                                                  \
    REEL_REDUCE_CASE(label, outer_two, 5, false)                                                   \
    REEL_REDUCE_CASE(label, spatial, 12, false)                                                    \
    REEL_REDUCE_CASE(label, all_but_channels, 13, true)                                            \
    static reel_var random_build(reel_tape *tape, const reel_var *in, const void *attrs)           \
    {                                                                                              \
        const reduce_attrs *a = attrs;                                                             \
        (void)tape;                                                                                \
        return reel_##label(in[0], a->axes, a->keepdim);                                           \
    }                                                                                              \
    static void random_use(reel_rng *rng, reel_op_sample *s)                                       \
    {                                                                                              \
        reduce_attrs *a = (reduce_attrs *)&s->attrs;                                               \
        s->build = random_build;                                                                   \
        s->draw = how;                                                                             \
        s->n_in = 1;                                                                               \
        reel_random_shape(rng, s, 0, 0, REEL_MAX_DIMS);                                            \
        a->axes = (unsigned)reel_rng_below(rng, 1U << s->in[0].ndim);                              \
        a->keepdim = reel_random_chance(rng, 0.5);                                                 \
        const int64_t bits = a->axes;                                                              \
        reel_random_label(s, a->keepdim ? "axes as bits, keepdim" : "axes as bits", 1, &bits);     \
    }                                                                                              \
    static const reel_op_case cases[] = {                                                          \
        {"number", case_all, how, 1, {{0, {0}}}},                                                  \
        {"vector", case_all, how, 1, {{1, {7}}}},                                                  \
        {"vector, kept", case_all_kept, how, 1, {{1, {7}}}},                                       \
        {"matrix", case_all, how, 1, {{2, {5, 3}}}},                                               \
        {"over rows", case_first, how, 1, {{2, {5, 3}}}},                                          \
        {"over columns", case_second, how, 1, {{2, {5, 3}}}},                                      \
        {"over columns, kept", case_second_kept, how, 1, {{2, {5, 3}}}},                           \
        {"outer two of three", case_outer_two, how, 1, {{3, {4, 3, 5}}}},                          \
        {"images", case_all, how, 1, {{4, {2, 3, 4, 5}}}},                                         \
        {"over channels", case_second, how, 1, {{4, {2, 3, 4, 5}}}},                               \
        {"over channels, kept", case_second_kept, how, 1, {{4, {2, 3, 4, 5}}}},                    \
        {"over pixels", case_spatial, how, 1, {{4, {2, 3, 4, 5}}}},                                \
        {"all but channels, kept", case_all_but_channels, how, 1, {{4, {2, 3, 4, 5}}}},            \
        {"five dimensions to four", case_second, how, 1, {{5, {2, 3, 2, 3, 2}}}},                  \
    };                                                                                             \
    const reel_op reel_op_##label = {.name = #label,                                               \
                                     .min_in = 1,                                                  \
                                     .max_in = 1,                                                  \
                                     .flags = pass_flags,                                          \
                                     .infer = pass_infer,                                          \
                                     .forward = REEL_BOTH(reel_##label##_forward),                 \
                                     .backward = REEL_BOTH(reel_##label##_backward),               \
                                     .cases = cases,                                               \
                                     .n_cases = REEL_COUNT(cases),                                 \
                                     .random = random_use};

#define REEL_REDUCE_CASE(label, which, axes, keepdim)                                              \
    static reel_var case_##which(reel_tape *tape, const reel_var *in)                              \
    {                                                                                              \
        (void)tape;                                                                                \
        return reel_##label(in[0], axes, keepdim);                                                 \
    }

#endif
