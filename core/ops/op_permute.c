/* permute: y[i_0, i_1, ...] = x with its dimensions taken in the order axes[0], axes[1], ...;  dx =
 * dy permuted back. */
#include "core/op_impl.h"
#include "core/ops/strided.h"

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
    permute_attrs attrs = {{0}};
    /* The cases below give as many as they have.
     * NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
    for (int d = 0; d < reel_value(x).ndim; d++)
        attrs.axes[d] = axes[d];
    return reel_apply(&reel_op_permute, &attrs, sizeof attrs, &x, 1);
}

static reel_var case_transpose(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_permute(in[0], (const int[]){1, 0});
}

static reel_var case_rotate(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_permute(in[0], (const int[]){2, 0, 1});
}

static reel_var case_images(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_permute(in[0], (const int[]){0, 2, 3, 1});
}

static reel_var case_used_twice(reel_tape *tape, const reel_var *in)
{
    return reel_mul(case_transpose(tape, in), in[0]);
}

static const reel_op_case cases[] = {
    {"matrix", case_transpose, REEL_DRAW_NORMAL, 1, {{2, {4, 3}}}},
    {"three dimensions", case_rotate, REEL_DRAW_NORMAL, 1, {{3, {2, 3, 4}}}},
    {"images", case_images, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 4, 5}}}},
    {"used twice", case_used_twice, REEL_DRAW_NORMAL, 1, {{2, {3, 3}}}},
};

static reel_var random_build(reel_tape *tape, const reel_var *in, const void *attrs)
{
    (void)tape;
    const int64_t *a = attrs;
    int axes[REEL_MAX_DIMS];
    for (int d = 0; d < REEL_MAX_DIMS; d++)
        axes[d] = (int)a[d];
    return reel_permute(in[0], axes);
}

static void random_use(reel_rng *rng, reel_op_sample *s)
{
    s->build = random_build;
    s->n_in = 1;
    reel_random_shape(rng, s, 0, 0, REEL_MAX_DIMS);
    int64_t *axes = s->attrs.ints;
    for (int d = 0; d < s->in[0].ndim; d++) { /* inside out (Knuth 3.4.2 P) */
        const int64_t j = reel_random_int(rng, 0, d);
        axes[d] = axes[j];
        axes[j] = d;
    }
    reel_random_label(s, "axes", s->in[0].ndim, axes);
}

const reel_op reel_op_permute = {.name = "permute",
                                 .min_in = 1,
                                 .max_in = 1,
                                 .flags = REEL_OP_ASSIGNS,
                                 .infer = permute_infer,
                                 .forward = REEL_BOTH(reel_permute_forward),
                                 .backward = REEL_BOTH(reel_permute_backward),
                                 .cases = cases,
                                 .n_cases = REEL_COUNT(cases),
                                 .random = random_use};
#endif
