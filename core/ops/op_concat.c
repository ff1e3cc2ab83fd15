/* concat: the inputs one after another along a dimension;  dx_i = the part of dy that came from
 * x_i. */
#include "core/op_impl.h"
#include "core/ops/strided.h"

#ifdef REEL_PUBLIC
/* The inputs one after another along dimension dim: 1 <= count <= 16; the other sizes are equal. */
REEL_API reel_var reel_concat(const reel_var *x, int count, int dim);
#endif

REEL_DECLARE_OP(concat);

/* The part of `whole`, the result or its gradient, that belongs to input i. */
static reel_tensor concat_part(const reel_call *c, reel_tensor whole, int i)
{
    const int dim = *(const int *)c->attrs;
    int64_t at = 0;
    for (int k = 0; k < i; k++)
        at += c->in[k].shape[dim];
    return reel_tensor_slice(whole, dim, at, c->in[i].shape[dim]);
}

void REEL_FN(reel_concat_forward)(const reel_call *c)
{
    for (int i = 0; i < c->n_in; i++) {
        const reel_tensor to = concat_part(c, c->out, i);
        REEL_FN(reel_strided_copy)(c->ctx, &to, &c->in[i], false, 1);
    }
}

void REEL_FN(reel_concat_backward)(const reel_call *c)
{
    for (int i = 0; i < c->n_in; i++) {
        const reel_tensor from = concat_part(c, c->dout, i);
        if (c->din[i].data)
            REEL_FN(reel_strided_copy)(c->ctx, &c->din[i], &from, !c->fresh[i], 1);
    }
}

#ifdef REEL_ONCE
static reel_status concat_infer(reel_infer *q, reel_error *err)
{
    const int dim = *(const int *)q->attrs;
    if (dim < 0 || dim >= q->ndim)
        return reel_fail(err, REEL_ERR_INVALID, "dimension: expected 0 to %d, got %d", q->ndim - 1,
                         dim);
    for (int i = 1; i < q->n_in; i++) {
        if (q->in[i].ndim != q->ndim)
            return reel_fail(err, REEL_ERR_INVALID, "input %d: expected %d dimensions, got %d", i,
                             q->ndim, q->in[i].ndim);
        for (int d = 0; d < q->ndim; d++)
            if (d != dim && q->in[i].shape[d] != q->shape[d])
                return reel_fail(err, REEL_ERR_INVALID,
                                 "input %d: dimension %d: expected size %lld, got %lld", i, d,
                                 (long long)q->shape[d], (long long)q->in[i].shape[d]);
        q->shape[dim] += q->in[i].shape[dim];
    }
    return REEL_OK;
}

reel_var reel_concat(const reel_var *x, int count, int dim)
{
    if (!x || count < 1)
        return (reel_var){NULL, -1};
    if (count > REEL_MAX_INPUTS)
        return reel_tape_fail(x[0].tape, REEL_ERR_INVALID,
                              "concat: expected 1 to %d inputs, got %d", REEL_MAX_INPUTS, count);
    return reel_apply(&reel_op_concat, &dim, sizeof dim, x, count);
}

static reel_var concat_repeated(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_concat((const reel_var[]){in[0], reel_exp(in[0]), in[0]}, 3, 0);
}

static const reel_op_case concat_cases[] = {
    REEL_CASE("three vectors", "(2) (5) (1)", &(const int){0}),
    REEL_CASE("columns", "(3, 2) (3, 4)", &(const int){1}),
    REEL_CASE("channels", "(2, 3, 4, 5) (2, 1, 4, 5)", &(const int){1}),
    REEL_CASE("widths", "(2, 3, 4, 5) (2, 3, 4, 2)", &(const int){3}),
    {.label = "one input repeated", .in = "(2, 3)", .build = concat_repeated},
};

static void concat_random(reel_rng *rng, reel_op_sample *s)
{
    s->n_in = (int)reel_random_int(rng, 1, 5);
    reel_random_shape(rng, s, 0, 1, REEL_MAX_DIMS);
    const int dim = (int)reel_random_int(rng, 0, s->in[0].ndim - 1);
    for (int i = 1; i < s->n_in; i++) {
        s->in[i] = s->in[0];
        s->in[i].shape[dim] = reel_random_int(rng, 1, 4);
    }

    memcpy(&s->attrs, &dim, sizeof dim);
    snprintf(s->label, sizeof s->label, "dimension %d", dim);
}

const reel_op reel_op_concat = REEL_OP(
    concat, 1, REEL_MAX_INPUTS, .flags = REEL_OP_ROWS | REEL_OP_ASSIGNS, .attrs_bytes = sizeof(int),
    .infer = concat_infer, REEL_CHECKS(concat_cases, concat_random));
#endif
