/* reshape: the same elements, in row-major order of the SHAPE, under another shape;  dx = dy
 * reshaped back.
 *
 * Memory of four-dimensional tensors is channels-last, so a change to or from rank 4 moves
 * elements: (n, c, h, w) flattens into c, h, w order. One strided copy does it, whose other side is
 * described as a row-major tensor of the four-dimensional shape. From rank 4 to another shape of
 * rank 4 the elements pass through a row-major copy in scratch. */
#include "core/op_impl.h"
#include "core/ops/strided.h"

REEL_DECLARE_OP(reshape);

/* The memory of t described as row-major under the given shape. */
static reel_tensor as_row_major(const reel_tensor *t, void *data, const reel_tensor *shape)
{
    return reel_tensor_with_layout(data, t->dtype, REEL_ROW_MAJOR, shape->ndim, shape->shape);
}

static void move(const reel_call *c, const reel_tensor *dst, const reel_tensor *src, bool add)
{
    if (reel_tensor_same_shape(dst, src)) {
        REEL_FN(reel_strided_copy)(c->ctx, dst, src, add, 1);
    } else if (dst->ndim != 4) { /* dst is row-major, whatever its shape */
        const reel_tensor to = as_row_major(dst, dst->data, src);
        REEL_FN(reel_strided_copy)(c->ctx, &to, src, add, 1);
    } else if (src->ndim != 4) {
        const reel_tensor from = as_row_major(src, src->data, dst);
        REEL_FN(reel_strided_copy)(c->ctx, dst, &from, add, 1);
    } else {
        const reel_tensor to = as_row_major(src, c->scratch, src),
                          from = as_row_major(src, c->scratch, dst);
        REEL_FN(reel_strided_copy)(c->ctx, &to, src, false, 1);
        REEL_FN(reel_strided_copy)(c->ctx, dst, &from, add, 1);
    }
}

void REEL_FN(reel_reshape_forward)(const reel_call *c)
{
    move(c, &c->out, &c->in[0], false);
}

void REEL_FN(reel_reshape_backward)(const reel_call *c)
{
    move(c, &c->din[0], &c->dout, !c->fresh[0]);
}

#ifdef REEL_ONCE
typedef struct reshape_attrs {
    int ndim;
    int64_t shape[REEL_MAX_DIMS]; /* one may be -1 */
} reshape_attrs;

static reel_status reshape_infer(reel_infer *q, reel_error *err)
{
    const reshape_attrs *attrs = q->attrs;
    const int64_t numel = reel_tensor_numel(&q->in[0]);
    int64_t known = 1;
    int open = -1;
    char text[200];
    reel_shape_text(text, sizeof text, attrs->ndim, attrs->shape);
    for (int d = 0; d < attrs->ndim; d++) {
        q->shape[d] = attrs->shape[d];
        if (attrs->shape[d] == -1 && open < 0)
            open = d;
        else if (attrs->shape[d] < 0)
            return reel_fail(err, REEL_ERR_INVALID,
                             "expected sizes of 0 or more and at most one -1, got %s", text);
        else if (__builtin_mul_overflow(known, attrs->shape[d], &known))
            return reel_fail(err, REEL_ERR_INVALID, "expected a shape of %lld elements, got %s",
                             (long long)numel, text);
    }
    if (open >= 0 && known > 0 && numel % known == 0) {
        q->shape[open] = numel / known;
        known = numel;
    } else if (open >= 0) {
        return reel_fail(err, REEL_ERR_INVALID, "expected sizes that divide %lld elements, got %s",
                         (long long)numel, text);
    }
    if (known != numel)
        return reel_fail(err, REEL_ERR_INVALID, "expected a shape of %lld elements, got %s",
                         (long long)numel, text);
    q->ndim = attrs->ndim;
    if (q->in[0].ndim == 4 && q->ndim == 4)
        q->forward_scratch = q->backward_scratch = reel_tensor_bytes(&q->in[0]);
    return REEL_OK;
}

reel_var reel_reshape(reel_var x, int ndim, const int64_t *shape)
{
    reshape_attrs attrs = {.ndim = ndim};
    if (ndim < 0 || ndim > REEL_MAX_DIMS)
        return reel_tape_fail(x.tape, REEL_ERR_INVALID,
                              "reshape: expected 0 to %d dimensions, got %d", REEL_MAX_DIMS, ndim);
    for (int d = 0; d < ndim; d++)
        attrs.shape[d] = shape[d];
    return reel_apply(&reel_op_reshape, &attrs, sizeof attrs, &x, 1);
}

reel_var reel_flatten(reel_var x)
{
    const reel_tensor t = reel_value(x);
    if (x.id >= 0 && t.ndim == 2)
        return x;
    if (x.id >= 0 && t.ndim == 0)
        return reel_tape_fail(x.tape, REEL_ERR_INVALID,
                              "flatten: expected a dimension to keep, got a single number");
    return reel_reshape(x, 2,
                        (const int64_t[]){t.shape[0], reel_shape_numel(t.ndim - 1, t.shape + 1)});
}

static reel_var case_flatten(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_flatten(in[0]);
}

static reel_var case_60(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_reshape(in[0], 1, (const int64_t[]){60});
}

static reel_var case_3_4_5(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_reshape(in[0], 3, (const int64_t[]){3, -1, 5});
}

static reel_var case_1_5_3_4(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_reshape(in[0], 4, (const int64_t[]){-1, 5, 3, 4});
}

static reel_var case_both_ways(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_mul(case_60(tape, in), reel_reshape(in[0], 1, (const int64_t[]){-1}));
}

static const reel_op_case cases[] = {
    {"number to vector", case_flatten, REEL_DRAW_NORMAL, 1, {{1, {1}}}},
    {"matrix to three dimensions", case_3_4_5, REEL_DRAW_NORMAL, 1, {{2, {12, 5}}}},
    {"matrix to images", case_1_5_3_4, REEL_DRAW_NORMAL, 1, {{2, {12, 5}}}},
    {"images to matrix", case_flatten, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 4, 5}}}},
    {"images to vector", case_60, REEL_DRAW_NORMAL, 1, {{4, {1, 3, 4, 5}}}},
    {"images to other images", case_1_5_3_4, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 5, 4}}}},
    {"images to the same images", case_1_5_3_4, REEL_DRAW_NORMAL, 1, {{4, {2, 5, 3, 4}}}},
    {"used twice", case_both_ways, REEL_DRAW_NORMAL, 1, {{4, {1, 3, 4, 5}}}},
};

/* attrs: rank, shape. */
static reel_var random_build(reel_tape *tape, const reel_var *in, const void *attrs)
{
    (void)tape;
    const int64_t *a = attrs;
    return reel_reshape(in[0], (int)a[0], a + 1);
}

/* The elements' prime factors, dealt out among the new dimensions; one of these may be left to be
 * found. */
static void random_use(reel_rng *rng, reel_op_sample *s)
{
    s->build = random_build;
    s->n_in = 1;
    reel_random_shape(rng, s, 0, 0, REEL_MAX_DIMS);
    int64_t n = reel_shape_numel(s->in[0].ndim, s->in[0].shape), *shape = s->attrs.ints + 1;
    const int ndim = (int)reel_random_int(rng, n > 1, REEL_MAX_DIMS);
    for (int d = 0; d < ndim; d++)
        shape[d] = 1;
    for (int64_t p = 2; n > 1; p++)
        for (; n % p == 0; n /= p)
            shape[reel_random_int(rng, 0, ndim - 1)] *= p;
    if (ndim > 0 && reel_random_chance(rng, 0.3))
        shape[reel_random_int(rng, 0, ndim - 1)] = -1;
    s->attrs.ints[0] = ndim;
    reel_random_label(s, "to", ndim, shape);
}

const reel_op reel_op_reshape = {.name = "reshape",
                                 .min_in = 1,
                                 .max_in = 1,
                                 .flags = REEL_OP_ASSIGNS,
                                 .infer = reshape_infer,
                                 .forward = REEL_BOTH(reel_reshape_forward),
                                 .backward = REEL_BOTH(reel_reshape_backward),
                                 .cases = cases,
                                 .n_cases = REEL_COUNT(cases),
                                 .random = random_use};
#endif
