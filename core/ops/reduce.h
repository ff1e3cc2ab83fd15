/* What sum, mean and max share: attributes, the shape of the result, its view in the input's
 * dimensions, check cases.
 *
 * Template: a sum times a factor. The operator's file defines
 *
 *     static inline double mean_scale(const reel_call *c)
 *     #define REEL_SCALED_SUM mean
 *     #include "core/ops/reduce.h"
 *
 * and gets the passes, the builder reel_mean and the descriptor reel_op_mean. */
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

/* The result t described with the input's rank: reduced dimensions have size 1, and so repeat when
 * they are walked with the input. */
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
    REEL_FN(reel_reduce)(c->ctx, REEL_FN(reel_identity), 1, c->in,
                         (reel_target){&out, false, scale});
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

static inline reel_var reduce_apply(const reel_op *op, reel_var x, unsigned axes, bool keepdim)
{
    const reduce_attrs attrs = {axes, keepdim};
    return reel_apply(op, &attrs, sizeof attrs, &x, 1);
}

static inline void reduce_random(reel_rng *rng, reel_op_sample *s)
{
    reduce_attrs *a = (reduce_attrs *)&s->attrs;
    s->n_in = 1;
    reel_random_shape(rng, s, 0, 0, REEL_MAX_DIMS);
    a->axes = (unsigned)reel_rng_below(rng, 1U << s->in[0].ndim);
    a->keepdim = reel_random_chance(rng, 0.5);
    const int64_t bits = a->axes;
    reel_random_label(s, a->keepdim ? "axes as bits, keepdim" : "axes as bits", 1, &bits);
}

#define REDUCE_AXES(...) (&(const reduce_attrs){__VA_ARGS__})
enum { ROWS = 1, COLUMNS = 2, OUTER_TWO = 5, PIXELS = 12, ALL_BUT_CHANNELS = 13 }; /* axes */
static const reel_op_case reduce_cases[] = {
    REEL_CASE("number", "()", REDUCE_AXES(0, false)),
    REEL_CASE("vector", "(7)", REDUCE_AXES(0, false)),
    REEL_CASE("vector, kept", "(7)", REDUCE_AXES(0, true)),
    REEL_CASE("matrix", "(5, 3)", REDUCE_AXES(0, false)),
    REEL_CASE("over rows", "(5, 3)", REDUCE_AXES(ROWS, false)),
    REEL_CASE("over columns", "(5, 3)", REDUCE_AXES(COLUMNS, false)),
    REEL_CASE("over columns, kept", "(5, 3)", REDUCE_AXES(COLUMNS, true)),
    REEL_CASE("outer two of three", "(4, 3, 5)", REDUCE_AXES(OUTER_TWO, false)),
    REEL_CASE("images", "(2, 3, 4, 5)", REDUCE_AXES(0, false)),
    REEL_CASE("over channels", "(2, 3, 4, 5)", REDUCE_AXES(COLUMNS, false)),
    REEL_CASE("over channels, kept", "(2, 3, 4, 5)", REDUCE_AXES(COLUMNS, true)),
    REEL_CASE("over pixels", "(2, 3, 4, 5)", REDUCE_AXES(PIXELS, false)),
    REEL_CASE("all but channels, kept", "(2, 3, 4, 5)", REDUCE_AXES(ALL_BUT_CHANNELS, true)),
    REEL_CASE("five dimensions to four", "(2, 3, 2, 3, 2)", REDUCE_AXES(COLUMNS, false)),
};
#endif

#endif

#ifdef REEL_SCALED_SUM
#define SCALED_SUM_PASS(pass) REEL_JOIN(reel_, REEL_SCALED_SUM, REEL_FN(pass))
#define SCALED_SUM_SCALE REEL_JOIN(REEL_SCALED_SUM, _, scale)

REEL_DECLARE_OP(REEL_SCALED_SUM);

void SCALED_SUM_PASS(_forward)(const reel_call *c)
{
    scaled_sum_forward(c, SCALED_SUM_SCALE(c));
}

void SCALED_SUM_PASS(_backward)(const reel_call *c)
{
    scaled_sum_backward(c, SCALED_SUM_SCALE(c));
}

#ifdef REEL_ONCE
reel_var REEL_JOIN(reel_, REEL_SCALED_SUM, )(reel_var x, unsigned axes, bool keepdim)
{
    return reduce_apply(&REEL_JOIN(reel_op_, REEL_SCALED_SUM, ), x, axes, keepdim);
}

/* Backward reads neither x nor y. */
const reel_op REEL_JOIN(reel_op_, REEL_SCALED_SUM, ) =
    REEL_OP(REEL_SCALED_SUM, 1, 1, .flags = REEL_OP_ASSIGNS, .attrs_bytes = sizeof(reduce_attrs),
            .infer = reduce_infer, REEL_CHECKS(reduce_cases, reduce_random));
#endif
#endif
