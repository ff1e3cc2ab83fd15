/* adaptive_avg_pool2d: output cell i averages input rows floor(i h / oh) to ceil((i + 1) h / oh) -
 * 1, columns likewise. Neighbouring windows overlap by one row where h is no multiple of oh; with
 * oh > h rows repeat. */
#include "core/op_impl.h"
#include "core/ops/pool.h"

#ifdef REEL_PUBLIC
/* Mean over oh x ow cells of the image: cell i averages rows floor(i h / oh) to ceil((i + 1) h /
 * oh)
 * - 1 (PyTorch). An image that has this size already is returned as it is: x itself. */
REEL_API reel_var reel_adaptive_avg_pool2d(reel_var x, int64_t oh, int64_t ow);
#endif

REEL_DECLARE_OP(adaptive_avg_pool2d);

typedef struct adaptive_attrs {
    int64_t oh, ow;
} adaptive_attrs;

static reel_window adaptive_window(const reel_call *c, int64_t i, int64_t j)
{
    const adaptive_attrs *a = c->attrs;
    const int64_t h = c->in[0].shape[2], w = c->in[0].shape[3];
    reel_window win = {i * h / a->oh, ((i + 1) * h + a->oh - 1) / a->oh, j * w / a->ow,
                       ((j + 1) * w + a->ow - 1) / a->ow, 0};
    win.scale = 1.0 / (double)((win.h1 - win.h0) * (win.w1 - win.w0));
    return win;
}

void REEL_FN(reel_adaptive_avg_pool2d_forward)(const reel_call *c)
{
    REEL_FN(reel_average_forward)(c, adaptive_window);
}

void REEL_FN(reel_adaptive_avg_pool2d_backward)(const reel_call *c)
{
    REEL_FN(reel_average_backward)(c, adaptive_window);
}

#ifdef REEL_ONCE
static reel_status adaptive_avg_pool2d_infer(reel_infer *q, reel_error *err)
{
    const adaptive_attrs *a = q->attrs;
    if (q->in[0].ndim != 4)
        return reel_fail(err, REEL_ERR_INVALID, "expected an input of shape (n, c, h, w)");
    if (a->oh < 1 || a->ow < 1)
        return reel_fail(err, REEL_ERR_INVALID, "output size (%lld, %lld) must be at least 1",
                         (long long)a->oh, (long long)a->ow);
    if (reel_tensor_numel(&q->in[0]) == 0)
        return reel_fail(err, REEL_ERR_INVALID, "the input must not be empty");
    q->shape[2] = a->oh;
    q->shape[3] = a->ow;
    return REEL_OK;
}

reel_var reel_adaptive_avg_pool2d(reel_var x, int64_t oh, int64_t ow)
{
    const adaptive_attrs a = {oh, ow};
    const reel_tensor value = reel_value(x);
    if (value.data && value.ndim == 4 && value.shape[2] == oh && value.shape[3] == ow)
        return x; /* every window is one pixel */
    return reel_apply(&reel_op_adaptive_avg_pool2d, &a, sizeof a, &x, 1);
}

static reel_var adaptive_identity(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_relu(reel_adaptive_avg_pool2d(in[0], 3, 4));
}

static reel_var adaptive_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_add(reel_adaptive_avg_pool2d(in[0], 2, 2), reel_adaptive_avg_pool2d(in[0], 1, 2));
}

#define TO(...) (&(const adaptive_attrs){__VA_ARGS__})
static const reel_op_case adaptive_avg_pool2d_cases[] = {
    REEL_CASE("divides", "(2, 3, 6, 9)", TO(3, 3)),
    REEL_CASE("7 to 3, overlapping", "(2, 3, 7, 7)", TO(3, 3)),
    REEL_CASE("2 to 6, repeating", "(2, 3, 2, 2)", TO(6, 6)),
    REEL_CASE("1 to 6", "(2, 2, 1, 1)", TO(6, 6)),
    REEL_CASE("to one", "(2, 5, 4, 3)", TO(1, 1)),
    REEL_CASE("asymmetric", "(2, 3, 5, 4)", TO(2, 5)),
    {.label = "identity",
     .in = "(2, 3, 3, 4)",
     .draw = REEL_DRAW_DISTINCT,
     .build = adaptive_identity},
    REEL_CASE("more channels than a block", "(2, 67, 2, 2)", TO(1, 1)),
    {.label = "input used twice", .in = "(1, 2, 5, 5)", .build = adaptive_twice},
};

/* Larger than the input is allowed: cells repeat. */
static void adaptive_avg_pool2d_random(reel_rng *rng, reel_op_sample *s)
{
    adaptive_attrs *a = (adaptive_attrs *)&s->attrs;
    s->n_in = 1;
    reel_random_image(rng, s, 0);
    a->oh = reel_random_int(rng, 1, s->in[0].shape[2] + 2);
    a->ow = reel_random_int(rng, 1, s->in[0].shape[3] + 2);
    reel_random_label(s, "to", 2, (const int64_t[]){a->oh, a->ow});
}

const reel_op reel_op_adaptive_avg_pool2d =
    REEL_OP(adaptive_avg_pool2d, 1, 1, .flags = REEL_OP_ROWS | REEL_OP_ASSIGNS,
            .attrs_bytes = sizeof(adaptive_attrs), .infer = adaptive_avg_pool2d_infer,
            REEL_CHECKS(adaptive_avg_pool2d_cases, adaptive_avg_pool2d_random));
#endif
