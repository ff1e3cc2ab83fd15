/* slice: elements begin to end - 1 along a dimension;  dx = dy there, 0 elsewhere. */
#include "core/op_impl.h"
#include "core/ops/strided.h"

REEL_DECLARE_OP(slice);

typedef struct slice_attrs {
    int dim;
    int64_t begin, end;
} slice_attrs;

static reel_tensor part_of(const reel_call *c, reel_tensor whole)
{
    const slice_attrs *attrs = c->attrs;
    return reel_tensor_slice(whole, attrs->dim, attrs->begin, attrs->end - attrs->begin);
}

void REEL_FN(reel_slice_forward)(const reel_call *c)
{
    const reel_tensor from = part_of(c, c->in[0]);
    REEL_FN(reel_strided_copy)(c->ctx, &c->out, &from, false, 1);
}

/* Adds only: the tape has zeroed what lies outside. */
void REEL_FN(reel_slice_backward)(const reel_call *c)
{
    const reel_tensor to = part_of(c, c->din[0]);
    REEL_FN(reel_strided_copy)(c->ctx, &to, &c->dout, true, 1);
}

#ifdef REEL_ONCE
static reel_status slice_infer(reel_infer *q, reel_error *err)
{
    const slice_attrs *attrs = q->attrs;
    if (attrs->dim < 0 || attrs->dim >= q->ndim)
        return reel_fail(err, REEL_ERR_INVALID, "dimension: expected 0 to %d, got %d", q->ndim - 1,
                         attrs->dim);
    if (attrs->begin < 0 || attrs->begin >= attrs->end || attrs->end > q->shape[attrs->dim])
        return reel_fail(
            err, REEL_ERR_INVALID,
            "dimension %d: expected 0 <= begin < end <= %lld, got begin %lld and end %lld",
            attrs->dim, (long long)q->shape[attrs->dim], (long long)attrs->begin,
            (long long)attrs->end);
    q->shape[attrs->dim] = attrs->end - attrs->begin;
    return REEL_OK;
}

reel_var reel_slice(reel_var x, int dim, int64_t begin, int64_t end)
{
    const slice_attrs attrs = {dim, begin, end};
    return reel_apply(&reel_op_slice, &attrs, sizeof attrs, &x, 1);
}

static reel_var case_first(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_slice(in[0], 0, 1, 2);
}

static reel_var case_second(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_slice(in[0], 1, 1, 3);
}

static reel_var case_last(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_slice(in[0], 3, 2, 5);
}

static reel_var case_overlapping(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_mul(reel_slice(in[0], 0, 0, 5), reel_slice(in[0], 0, 2, 7));
}

static const reel_op_case cases[] = {
    {"vector", case_first, REEL_DRAW_NORMAL, 1, {{1, {7}}}},
    {"columns", case_second, REEL_DRAW_NORMAL, 1, {{2, {4, 3}}}},
    {"one image", case_first, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 4, 5}}}},
    {"channels", case_second, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 4, 5}}}},
    {"widths", case_last, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 4, 5}}}},
    {"overlapping", case_overlapping, REEL_DRAW_NORMAL, 1, {{1, {7}}}},
};

/* attrs: dimension, begin, end. */
static reel_var random_build(reel_tape *tape, const reel_var *in, const void *attrs)
{
    (void)tape;
    const int64_t *a = attrs;
    return reel_slice(in[0], (int)a[0], a[1], a[2]);
}

static void random_use(reel_rng *rng, reel_op_sample *s)
{
    int64_t *a = s->attrs.ints;
    s->build = random_build;
    s->n_in = 1;
    reel_random_shape(rng, s, 0, 1, REEL_MAX_DIMS);
    a[0] = reel_random_int(rng, 0, s->in[0].ndim - 1);
    a[1] = reel_random_int(rng, 0, s->in[0].shape[a[0]] - 1);
    a[2] = reel_random_int(rng, a[1] + 1, s->in[0].shape[a[0]]);
    reel_random_label(s, "dimension, begin, end", 3, a);
}

const reel_op reel_op_slice = {.name = "slice",
                               .min_in = 1,
                               .max_in = 1,
                               .infer = slice_infer,
                               .forward = REEL_BOTH(reel_slice_forward),
                               .backward = REEL_BOTH(reel_slice_backward),
                               .cases = cases,
                               .n_cases = REEL_COUNT(cases),
                               .random = random_use};
#endif
