/* mse: y = 1 / m sum_i (x_i - t_i)^2 over all m elements;  dx = 2 / m dy (x - t), dt = -dx. */
#include "core/ops/binary.h"

REEL_DECLARE_OP(mse);
REEL_BINARY_TERMS(REEL_OP_NEEDS_INPUTS, (a - b) * (a - b), (dy * (a - b)), (dy * (b - a)))

void REEL_FN(reel_mse_forward)(const reel_call *c)
{
    REEL_FN(reel_reduce)(c->ctx, value_term, 2, c->in, &c->out, false,
                         1.0 / (double)reel_tensor_numel(&c->in[0]));
}

void REEL_FN(reel_mse_backward)(const reel_call *c)
{
    const reel_tensor from[] = {c->dout, c->in[0], c->in[1]};
    const double scale = 2.0 / (double)reel_tensor_numel(&c->in[0]);
    if (c->din[0].data)
        REEL_FN(reel_map)(c->ctx, to_a_term, 3, from, &c->din[0], !c->fresh[0], scale);
    if (c->din[1].data)
        REEL_FN(reel_map)(c->ctx, to_b_term, 3, from, &c->din[1], !c->fresh[1], scale);
}

#ifdef REEL_ONCE
static reel_status mse_infer(reel_infer *q, reel_error *err)
{
    if (!reel_tensor_same_shape(&q->in[0], &q->in[1])) {
        char x[200], target[200];
        return reel_fail(err, REEL_ERR_INVALID, "expected a target of shape %s, got %s",
                         reel_shape_text(x, sizeof x, q->in[0].ndim, q->in[0].shape),
                         reel_shape_text(target, sizeof target, q->in[1].ndim, q->in[1].shape));
    }
    if (reel_tensor_numel(&q->in[0]) == 0)
        return reel_fail(err, REEL_ERR_INVALID, "expected at least one element, got none");
    q->ndim = 0;
    return REEL_OK;
}

reel_var reel_mse(reel_var x, reel_var target)
{
    return reel_apply(&reel_op_mse, NULL, 0, (reel_var[]){x, target}, 2);
}

static reel_var case_two(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_mse(in[0], in[1]);
}

static reel_var case_used_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_mse(reel_exp(in[0]), in[0]);
}

static const reel_op_case cases[] = {
    {"numbers", case_two, REEL_DRAW_NORMAL, 2, {{0, {0}}, {0, {0}}}},
    {"vectors", case_two, REEL_DRAW_NORMAL, 2, {{1, {7}}, {1, {7}}}},
    {"matrices", case_two, REEL_DRAW_NORMAL, 2, {{2, {4, 3}}, {2, {4, 3}}}},
    {"images", case_two, REEL_DRAW_NORMAL, 2, {{4, {2, 3, 4, 5}}, {4, {2, 3, 4, 5}}}},
    {"an input used twice", case_used_twice, REEL_DRAW_NORMAL, 1, {{1, {5}}}},
};

static reel_var random_build(reel_tape *tape, const reel_var *in, const void *attrs)
{
    (void)tape, (void)attrs;
    return reel_mse(in[0], in[1]);
}

static void random_use(reel_rng *rng, reel_op_sample *s)
{
    s->build = random_build;
    s->n_in = 2;
    reel_random_shape(rng, s, 0, 0, REEL_MAX_DIMS);
    s->in[1] = s->in[0];
}

const reel_op reel_op_mse = {.name = "mse",
                             .min_in = 2,
                             .max_in = 2,
                             .flags = REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS,
                             .infer = mse_infer,
                             .forward = REEL_BOTH(reel_mse_forward),
                             .backward = REEL_BOTH(reel_mse_backward),
                             .cases = cases,
                             .n_cases = REEL_COUNT(cases),
                             .random = random_use};
#endif
