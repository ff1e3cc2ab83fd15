/* slice: elements begin to end - 1 along a dimension;  dx = dy there, 0 elsewhere. */
#include "core/op_impl.h"
#include "core/ops/strided.h"

#ifdef REEL_PUBLIC
/* Elements begin to end - 1 along dimension dim: 0 <= begin < end <= its size. */
REEL_API reel_var reel_slice(reel_var x, int dim, int64_t begin, int64_t end);
#endif

REEL_DECLARE_OP(slice);

typedef struct slice_attrs {
    int dim;
    int64_t begin, end;
} slice_attrs;

static reel_tensor slice_part_of(const reel_call *c, reel_tensor whole)
{
    const slice_attrs *attrs = c->attrs;
    return reel_tensor_slice(whole, attrs->dim, attrs->begin, attrs->end - attrs->begin);
}

void REEL_FN(reel_slice_forward)(const reel_call *c)
{
    const reel_tensor from = slice_part_of(c, c->in[0]);
    REEL_FN(reel_strided_copy)(c->ctx, &c->out, &from, false, 1);
}

/* Adds only: the tape has zeroed what lies outside. */
void REEL_FN(reel_slice_backward)(const reel_call *c)
{
    const reel_tensor to = slice_part_of(c, c->din[0]);
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

static reel_var slice_overlapping(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_mul(reel_slice(in[0], 0, 0, 5), reel_slice(in[0], 0, 2, 7));
}

static const reel_op_case slice_cases[] = {
    REEL_CASE("vector", "(7)", &(const slice_attrs){0, 1, 2}),
    REEL_CASE("columns", "(4, 3)", &(const slice_attrs){1, 1, 3}),
    REEL_CASE("one image", "(2, 3, 4, 5)", &(const slice_attrs){0, 1, 2}),
    REEL_CASE("channels", "(2, 3, 4, 5)", &(const slice_attrs){1, 1, 3}),
    REEL_CASE("widths", "(2, 3, 4, 5)", &(const slice_attrs){3, 2, 5}),
    {.label = "overlapping", .in = "(7)", .build = slice_overlapping},
};

static void slice_random(reel_rng *rng, reel_op_sample *s)
{
    slice_attrs *a = (slice_attrs *)&s->attrs;
    s->n_in = 1;
    reel_random_shape(rng, s, 0, 1, REEL_MAX_DIMS);
    a->dim = (int)reel_random_int(rng, 0, s->in[0].ndim - 1);
    a->begin = reel_random_int(rng, 0, s->in[0].shape[a->dim] - 1);
    a->end = reel_random_int(rng, a->begin + 1, s->in[0].shape[a->dim]);
    reel_random_label(s, "dimension, begin, end", 3, (const int64_t[]){a->dim, a->begin, a->end});
}

const reel_op reel_op_slice = REEL_OP(slice, 1, 1, .attrs_bytes = sizeof(slice_attrs),
                                      .infer = slice_infer, REEL_CHECKS(slice_cases, slice_random));
#endif
