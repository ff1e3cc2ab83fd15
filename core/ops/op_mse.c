/* mse: y = 1 / m sum_i (x_i - t_i)^2 over all m elements;  dx = 2 / m dy (x - t), dt = -dx. */
#include "core/ops/binary.h"

#ifdef REEL_PUBLIC
/* The mean over all elements of (x - target)^2, of shape (). x and target have one shape and at
 * least one element. */
REEL_API reel_var reel_mse(reel_var x, reel_var target);
#endif

static inline reel_real mse_value(reel_binary e)
{
    return (e.a - e.b) * (e.a - e.b);
}

static inline reel_real mse_to_a(reel_binary e)
{
    return e.dy * (e.a - e.b);
}

static inline reel_real mse_to_b(reel_binary e)
{
    return e.dy * (e.b - e.a);
}

#define REEL_BINARY mse
#include "core/ops/binary.h"

REEL_DECLARE_OP(mse);

void REEL_FN(reel_mse_forward)(const reel_call *c)
{
    const double scale = 1.0 / (double)reel_tensor_numel(&c->in[0]);
    REEL_FN(reel_reduce)(c->ctx, mse_value_term, 2, c->in, (reel_target){&c->out, false, scale});
}

void REEL_FN(reel_mse_backward)(const reel_call *c)
{
    const reel_tensor from[] = {c->dout, c->in[0], c->in[1]};
    const double scale = 2.0 / (double)reel_tensor_numel(&c->in[0]);
    const reel_target dx = {&c->din[0], !c->fresh[0], scale},
                      dt = {&c->din[1], !c->fresh[1], scale};
    if (c->din[0].data)
        REEL_FN(reel_map)(c->ctx, mse_to_a_term, 3, from, dx);
    if (c->din[1].data)
        REEL_FN(reel_map)(c->ctx, mse_to_b_term, 3, from, dt);
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
    return reel_apply(&reel_op_mse, NULL, 0, (const reel_var[]){x, target}, 2);
}

static reel_var mse_used_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_mse(reel_exp(in[0]), in[0]);
}

static const reel_op_case mse_cases[] = {
    {.label = "numbers", .in = "() ()"},
    {.label = "vectors", .in = "(7) (7)"},
    {.label = "matrices", .in = "(4, 3) (4, 3)"},
    {.label = "images", .in = "(2, 3, 4, 5) (2, 3, 4, 5)"},
    {.label = "an input used twice", .in = "(5)", .build = mse_used_twice},
};

static void mse_random(reel_rng *rng, reel_op_sample *s)
{
    s->n_in = 2;
    reel_random_shape(rng, s, 0, 0, REEL_MAX_DIMS);
    s->in[1] = s->in[0];
}

const reel_op reel_op_mse =
    REEL_OP(mse, 2, 2, .flags = REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS | REEL_OP_WIDE,
            .infer = mse_infer, REEL_CHECKS(mse_cases, mse_random));
#endif
