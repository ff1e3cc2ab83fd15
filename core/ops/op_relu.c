/* relu: y = max(x, 0);  dx = dy where y > 0, else 0. NaN stays NaN. Backward reads y, so x may be freed or overwritten. */
#include "core/op_impl.h"

REEL_DECLARE_OP(relu);

void REEL_FN(reel_relu_forward)(const reel_call *c)
{
    const reel_real *x = c->in[0].data;
    reel_real *y = c->out.data;
    REEL_PARALLEL_FOR(c, i, reel_tensor_numel(&c->out)) y[i] = x[i] < 0 ? 0 : x[i];
}

void REEL_FN(reel_relu_backward)(const reel_call *c)
{
    const reel_real *y = c->out.data, *dy = c->dout.data;
    reel_real *dx = c->din[0].data;
    const int64_t n = reel_tensor_numel(&c->out);
    if (c->fresh[0])
        REEL_PARALLEL_FOR(c, i, n) dx[i] = y[i] > 0 ? dy[i] : 0;
    else
        REEL_PARALLEL_FOR(c, i, n) dx[i] += y[i] > 0 ? dy[i] : 0;
}

#ifdef REEL_ONCE
reel_var reel_relu(reel_var x)
{
    return reel_apply(&reel_op_relu, NULL, 0, &x, 1);
}

static reel_var case_relu(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_relu(in[0]);
}

static const reel_op_case cases[] = {
    {"vector", case_relu, REEL_DRAW_DISTINCT, 1, {{1, {7}}}},
    {"image", case_relu, REEL_DRAW_DISTINCT, 1, {{4, {2, 3, 4, 5}}}},
};

const reel_op reel_op_relu = {.name = "relu",
                              .min_in = 1,
                              .max_in = 1,
                              .flags = REEL_OP_NEEDS_OUTPUT | REEL_OP_ASSIGNS,
                              .forward = REEL_BOTH(reel_relu_forward),
                              .backward = REEL_BOTH(reel_relu_backward),
                              .cases = cases,
                              .n_cases = REEL_COUNT(cases)};
#endif
