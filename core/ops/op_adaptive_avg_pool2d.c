/* adaptive_avg_pool2d: output cell i averages input rows floor(i h / oh) to ceil((i + 1) h / oh) -
 * 1, columns likewise. Neighbouring windows overlap by one row where h is no multiple of oh; with
 * oh > h rows repeat. */
#include "core/op_impl.h"
#include "core/ops/pool.h"

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
static reel_status infer(reel_infer *q, reel_error *err)
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

#define ADAPTIVE_CASE(name, oh, ow)                                                                \
    static reel_var name(reel_tape *tape, const reel_var *in)                                      \
    {                                                                                              \
        (void)tape;                                                                                \
        return reel_adaptive_avg_pool2d(in[0], oh, ow);                                            \
    }
ADAPTIVE_CASE(case_3x3, 3, 3)
ADAPTIVE_CASE(case_6x6, 6, 6)
ADAPTIVE_CASE(case_1x1, 1, 1)
ADAPTIVE_CASE(case_2x5, 2, 5)

static reel_var case_same(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_relu(reel_adaptive_avg_pool2d(in[0], 3, 4));
}

static reel_var case_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_add(reel_adaptive_avg_pool2d(in[0], 2, 2), reel_adaptive_avg_pool2d(in[0], 1, 2));
}

static const reel_op_case cases[] = {
    {"divides", case_3x3, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 6, 9}}}},
    {"7 to 3, overlapping", case_3x3, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 7, 7}}}},
    {"2 to 6, repeating", case_6x6, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 2, 2}}}},
    {"1 to 6", case_6x6, REEL_DRAW_NORMAL, 1, {{4, {2, 2, 1, 1}}}},
    {"to one", case_1x1, REEL_DRAW_NORMAL, 1, {{4, {2, 5, 4, 3}}}},
    {"asymmetric", case_2x5, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 5, 4}}}},
    {"identity", case_same, REEL_DRAW_DISTINCT, 1, {{4, {2, 3, 3, 4}}}},
    {"more channels than a block", case_1x1, REEL_DRAW_NORMAL, 1, {{4, {2, 67, 2, 2}}}},
    {"input used twice", case_twice, REEL_DRAW_NORMAL, 1, {{4, {1, 2, 5, 5}}}},
};

static reel_var random_build(reel_tape *tape, const reel_var *in, const void *attrs)
{
    (void)tape;
    const int64_t *size = attrs;
    return reel_adaptive_avg_pool2d(in[0], size[0], size[1]);
}

/* Larger than the input is allowed: cells repeat. */
static void random_use(reel_rng *rng, reel_op_sample *s)
{
    s->build = random_build;
    s->n_in = 1;
    reel_random_image(rng, s, 0);
    for (int d = 0; d < 2; d++)
        s->attrs.ints[d] = reel_random_int(rng, 1, s->in[0].shape[2 + d] + 2);
    reel_random_label(s, "to", 2, s->attrs.ints);
}

const reel_op reel_op_adaptive_avg_pool2d = {.name = "adaptive_avg_pool2d",
                                             .min_in = 1,
                                             .max_in = 1,
                                             .flags = REEL_OP_ASSIGNS,
                                             .infer = infer,
                                             .forward = REEL_BOTH(reel_adaptive_avg_pool2d_forward),
                                             .backward =
                                                 REEL_BOTH(reel_adaptive_avg_pool2d_backward),
                                             .cases = cases,
                                             .n_cases = REEL_COUNT(cases),
                                             .random = random_use};
#endif
