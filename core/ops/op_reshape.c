/* reshape: the same elements, in row-major order of the SHAPE, under another shape;  dx = dy
 * reshaped back.
 *
 * Memory of four-dimensional tensors is channels-last, so a change to or from rank 4 moves
 * elements: (n, c, h, w) flattens into c, h, w order. One strided copy does it, whose other side is
 * described as a row-major tensor of the four-dimensional shape. From rank 4 to another shape of
 * rank 4 the elements pass through a row-major copy in scratch. */
#include "core/op_impl.h"
#include "core/ops/strided.h"

#ifdef REEL_PUBLIC
/* The elements of x, in row-major order of its shape, under another shape of as many elements. One
 * size may be -1: it is found from the others. */
REEL_API reel_var reel_reshape(reel_var x, int ndim, const int64_t *shape);

/* (n, ...) -> (n, rest), in the order c, h, w. A matrix is returned as it is: x itself. */
REEL_API reel_var reel_flatten(reel_var x);
#endif

REEL_DECLARE_OP(reshape);

/* The memory of t described as row-major under the given shape. */
static reel_tensor as_row_major(const reel_tensor *t, void *data, const reel_tensor *shape)
{
    return reel_tensor_with_layout(data, t->dtype, REEL_ROW_MAJOR, shape->ndim, shape->shape);
}

static void reshape_move(const reel_call *c, const reel_tensor *dst, const reel_tensor *src,
                         bool add)
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
    reshape_move(c, &c->out, &c->in[0], false);
}

void REEL_FN(reel_reshape_backward)(const reel_call *c)
{
    reshape_move(c, &c->din[0], &c->dout, !c->fresh[0]);
}

#ifdef REEL_ONCE
typedef struct reshape_attrs {
    int ndim;
    int64_t shape[REEL_MAX_DIMS]; /* one may be -1 */
} reshape_attrs;

/* Copies the shape that was asked for into q. *open receives the dimension that is -1, or -1, and
 * *known the product of the others. */
static reel_status reshape_sizes(reel_infer *q, int *open, int64_t *known, reel_error *err)
{
    const reshape_attrs *attrs = q->attrs;
    char text[200];
    reel_shape_text(text, sizeof text, attrs->ndim, attrs->shape);
    *open = -1;
    *known = 1;

    for (int d = 0; d < attrs->ndim; d++) {
        q->shape[d] = attrs->shape[d];
        if (attrs->shape[d] == -1 && *open < 0)
            *open = d;
        else if (attrs->shape[d] < 0)
            return reel_fail(err, REEL_ERR_INVALID,
                             "expected sizes of 0 or more and at most one -1, got %s", text);
        else if (__builtin_mul_overflow(*known, attrs->shape[d], known))
            return reel_fail(err, REEL_ERR_INVALID, "expected a shape of %lld elements, got %s",
                             (long long)reel_tensor_numel(&q->in[0]), text);
    }
    return REEL_OK;
}

static reel_status reshape_infer(reel_infer *q, reel_error *err)
{
    const reshape_attrs *attrs = q->attrs;
    const int64_t numel = reel_tensor_numel(&q->in[0]);
    int64_t known;
    int open;
    char text[200];
    reel_shape_text(text, sizeof text, attrs->ndim, attrs->shape);
    REEL_TRY(reshape_sizes(q, &open, &known, err));

    if (open >= 0 && (known == 0 || numel % known != 0))
        return reel_fail(err, REEL_ERR_INVALID, "expected sizes that divide %lld elements, got %s",
                         (long long)numel, text);
    if (open >= 0)
        q->shape[open] = numel / known;
    else if (known != numel)
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
    if (ndim > 0 && !shape)
        return reel_tape_fail(x.tape, REEL_ERR_INVALID, "reshape: shape is NULL");
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

static reel_var reshape_flatten(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_flatten(in[0]);
}

static reel_var reshape_both_ways(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_mul(reel_reshape(in[0], 1, (const int64_t[]){60}),
                    reel_reshape(in[0], 1, (const int64_t[]){-1}));
}

static const reshape_attrs to_vector = {1, {60}}, to_three = {3, {3, -1, 5}},
                           to_images = {4, {-1, 5, 3, 4}};
static const reel_op_case reshape_cases[] = {
    {.label = "number to vector", .in = "(1)", .build = reshape_flatten},
    REEL_CASE("matrix to three dimensions", "(12, 5)", &to_three),
    REEL_CASE("matrix to images", "(12, 5)", &to_images),
    {.label = "images to matrix", .in = "(2, 3, 4, 5)", .build = reshape_flatten},
    REEL_CASE("images to vector", "(1, 3, 4, 5)", &to_vector),
    REEL_CASE("images to other images", "(2, 3, 5, 4)", &to_images),
    REEL_CASE("images to the same images", "(2, 5, 3, 4)", &to_images),
    {.label = "used twice", .in = "(1, 3, 4, 5)", .build = reshape_both_ways},
};

/* The elements' prime factors, dealt out among the new dimensions; one of these may be left to be
 * found. */
static void reshape_random(reel_rng *rng, reel_op_sample *s)
{
    reshape_attrs *a = (reshape_attrs *)&s->attrs;
    s->n_in = 1;
    reel_random_shape(rng, s, 0, 0, REEL_MAX_DIMS);
    int64_t n = reel_shape_numel(s->in[0].ndim, s->in[0].shape);
    a->ndim = (int)reel_random_int(rng, n > 1, REEL_MAX_DIMS);
    for (int d = 0; d < a->ndim; d++)
        a->shape[d] = 1;
    for (int64_t p = 2; n > 1; p++)
        for (; n % p == 0; n /= p)
            a->shape[reel_random_int(rng, 0, a->ndim - 1)] *= p;

    if (a->ndim > 0 && reel_random_chance(rng, 0.3))
        a->shape[reel_random_int(rng, 0, a->ndim - 1)] = -1;
    reel_random_label(s, "to", a->ndim, a->shape);
}

const reel_op reel_op_reshape = REEL_OP(
    reshape, 1, 1, .flags = REEL_OP_ROWS | REEL_OP_ASSIGNS, .attrs_bytes = sizeof(reshape_attrs),
    .infer = reshape_infer, REEL_CHECKS(reshape_cases, reshape_random));
#endif
