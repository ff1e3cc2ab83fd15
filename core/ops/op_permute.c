/* permute: y[i_0, i_1, ...] = x with its dimensions taken in the order axes[0], axes[1], ...;  dx =
 * dy permuted back. */
#include "core/op_impl.h"
#include "core/ops/strided.h"

#ifdef REEL_PUBLIC
/* Dimension d of the result is dimension axes[d] of x; axes holds each dimension once. */
REEL_API reel_var reel_permute(reel_var x, const int *axes);
#endif

REEL_DECLARE_OP(permute);

typedef struct permute_attrs {
    int axes[REEL_MAX_DIMS];
} permute_attrs;

void REEL_FN(reel_permute_forward)(const reel_call *c)
{
    const reel_tensor from = reel_tensor_permute(c->in[0], ((const permute_attrs *)c->attrs)->axes);
    REEL_FN(reel_strided_copy)(c->ctx, &c->out, &from, false, 1);
}

void REEL_FN(reel_permute_backward)(const reel_call *c)
{
    const reel_tensor to = reel_tensor_permute(c->din[0], ((const permute_attrs *)c->attrs)->axes);
    REEL_FN(reel_strided_copy)(c->ctx, &to, &c->dout, !c->fresh[0], 1);
}

#ifdef REEL_ONCE
static reel_status permute_infer(reel_infer *q, reel_error *err)
{
    const permute_attrs *attrs = q->attrs;
    unsigned seen = 0;
    for (int d = 0; d < q->ndim; d++) {
        const int axis = attrs->axes[d];
        if (axis < 0 || axis >= q->ndim || seen >> axis & 1u)
            return reel_fail(err, REEL_ERR_INVALID,
                             "axes: expected each of 0 to %d once, got %d at place %d", q->ndim - 1,
                             axis, d);
        seen |= 1u << axis;
        q->shape[d] = q->in[0].shape[axis];
    }
    return REEL_OK;
}

reel_var reel_permute(reel_var x, const int *axes)
{
    if (!axes)
        return reel_tape_fail(x.tape, REEL_ERR_INVALID, "permute: axes is NULL");
    permute_attrs attrs = {{0}};
    for (int d = 0; d < reel_value(x).ndim; d++) /* callers give as many as x has */
        attrs.axes[d] = axes[d]; /* NOLINT(clang-analyzer-core.uninitialized.Assign) */
    return reel_apply(&reel_op_permute, &attrs, sizeof attrs, &x, 1);
}

static reel_var permute_used_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_mul(reel_permute(in[0], (const int[]){1, 0}), in[0]);
}

static const reel_op_case permute_cases[] = {
    {.label = "matrix", .in = "(4, 3)", .attrs = &(const permute_attrs){{1, 0}}},
    {.label = "three dimensions", .in = "(2, 3, 4)", .attrs = &(const permute_attrs){{2, 0, 1}}},
    {.label = "images", .in = "(2, 3, 4, 5)", .attrs = &(const permute_attrs){{0, 2, 3, 1}}},
    {.label = "used twice", .in = "(3, 3)", .build = permute_used_twice},
};

static void permute_random(reel_rng *rng, reel_op_sample *s)
{
    int *axes = ((permute_attrs *)&s->attrs)->axes;
    int64_t shown[REEL_MAX_DIMS];
    s->n_in = 1;
    reel_random_shape(rng, s, 0, 0, REEL_MAX_DIMS);
    const int ndim = s->in[0].ndim;
    for (int d = 0; d < ndim; d++) { /* a shuffle, inside out (Knuth 3.4.2 P) */
        const int64_t j = reel_random_int(rng, 0, d);
        axes[d] = axes[j];
        axes[j] = d;
    }

    for (int d = 0; d < ndim; d++)
        shown[d] = axes[d];
    reel_random_label(s, "axes", ndim, shown);
}

const reel_op reel_op_permute =
    REEL_OP(permute, 1, 1, .flags = REEL_OP_ASSIGNS, .attrs_bytes = sizeof(permute_attrs),
            .infer = permute_infer, REEL_CHECKS(permute_cases, permute_random));
#endif
