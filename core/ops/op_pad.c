/* pad: x inside a frame of `value`, before[d] and after[d] elements wide along dimension d;  dx =
 * the inner part of dy. */
#include "core/op_impl.h"
#include "core/ops/strided.h"

#ifdef REEL_PUBLIC
/* x inside a frame of `value` that is before[d] and after[d] elements wide along dimension d; both
 * have one entry of 0 or more for each dimension of x. */
REEL_API reel_var reel_pad(reel_var x, const int64_t *before, const int64_t *after, double value);
#endif

REEL_DECLARE_OP(pad);

typedef struct pad_attrs {
    int64_t before[REEL_MAX_DIMS], after[REEL_MAX_DIMS];
    double value;
} pad_attrs;

static reel_tensor pad_inner_part(const reel_call *c, reel_tensor padded)
{
    const pad_attrs *attrs = c->attrs;
    for (int d = 0; d < padded.ndim; d++)
        padded = reel_tensor_slice(padded, d, attrs->before[d], c->in[0].shape[d]);
    return padded;
}

void REEL_FN(reel_pad_forward)(const reel_call *c)
{
    const reel_real value = (reel_real)((const pad_attrs *)c->attrs)->value;
    const reel_tensor to = pad_inner_part(c, c->out);
    reel_real *y = c->out.data;
    REEL_PARALLEL_FOR(c, i, reel_tensor_numel(&c->out))
        y[i] = value;
    REEL_FN(reel_strided_copy)(c->ctx, &to, &c->in[0], false, 1);
}

void REEL_FN(reel_pad_backward)(const reel_call *c)
{
    const reel_tensor from = pad_inner_part(c, c->dout);
    REEL_FN(reel_strided_copy)(c->ctx, &c->din[0], &from, !c->fresh[0], 1);
}

#ifdef REEL_ONCE
static reel_status pad_infer(reel_infer *q, reel_error *err)
{
    const pad_attrs *attrs = q->attrs;
    for (int d = 0; d < q->ndim; d++) {
        if (attrs->before[d] < 0 || attrs->after[d] < 0)
            return reel_fail(
                err, REEL_ERR_INVALID,
                "dimension %d: expected widths of 0 or more, got %lld before and %lld after", d,
                (long long)attrs->before[d], (long long)attrs->after[d]);
        if (__builtin_add_overflow(q->shape[d], attrs->before[d], &q->shape[d]) ||
            __builtin_add_overflow(q->shape[d], attrs->after[d], &q->shape[d]))
            return reel_fail(err, REEL_ERR_INVALID,
                             "dimension %d: expected a size below 2^63, got more", d);
    }
    return REEL_OK;
}

reel_var reel_pad(reel_var x, const int64_t *before, const int64_t *after, double value)
{
    if (!before || !after)
        return reel_tape_fail(x.tape, REEL_ERR_INVALID, "pad: before or after is NULL");

    pad_attrs attrs = {.value = value};
    const int ndim = reel_value(x).ndim;
    for (int d = 0; d < ndim; d++) { /* callers give as many as x has */
        attrs.before[d] = before[d]; /* NOLINT(clang-analyzer-core.uninitialized.Assign) */
        attrs.after[d] = after[d];
    }
    return reel_apply(&reel_op_pad, &attrs, sizeof attrs, &x, 1);
}

static reel_var pad_used_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_mul(reel_pad(in[0], (const int64_t[]){1}, (const int64_t[]){0}, 1),
                    reel_pad(in[0], (const int64_t[]){0}, (const int64_t[]){1}, -1));
}

static const pad_attrs pad_uneven = {.before = {1, 0, 2, 1}, .after = {0, 2, 1, 1}, .value = 0.5};
static const reel_op_case pad_cases[] = {
    REEL_CASE("number", "()", &pad_uneven),
    REEL_CASE("vector", "(7)", &pad_uneven),
    REEL_CASE("matrix", "(4, 3)", &pad_uneven),
    REEL_CASE("images", "(2, 3, 4, 5)", &pad_uneven),
    {.label = "used twice", .in = "(5)", .build = pad_used_twice},
};

static void pad_random(reel_rng *rng, reel_op_sample *s)
{
    pad_attrs *a = (pad_attrs *)&s->attrs;
    int64_t widths[REEL_MAX_DIMS * 2];
    s->n_in = 1;
    reel_random_shape(rng, s, 0, 0, REEL_MAX_DIMS);
    const int ndim = s->in[0].ndim;
    for (int d = 0; d < ndim; d++) {
        widths[d] = a->before[d] = reel_random_int(rng, 0, 2);
        widths[ndim + d] = a->after[d] = reel_random_int(rng, 0, 2);
    }

    a->value = reel_rng_normal(rng);
    reel_random_label(s, "before and after", ndim * 2, widths);
}

const reel_op reel_op_pad =
    REEL_OP(pad, 1, 1, .flags = REEL_OP_ASSIGNS, .attrs_bytes = sizeof(pad_attrs),
            .infer = pad_infer, REEL_CHECKS(pad_cases, pad_random));
#endif
