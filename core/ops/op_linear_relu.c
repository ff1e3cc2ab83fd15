/* linear_relu: y = max(x w^T + b, 0), as relu after linear and equal to it to the bit, without
 * storing what ReLU is given. */
#include "core/op_impl.h"
#include "core/ops/rectify.h"

REEL_DECLARE_OP(linear);
REEL_DECLARE_OP(linear_relu);

void REEL_FN(reel_linear_relu_forward)(const reel_call *c)
{
    REEL_FN(reel_linear_forward)(c);
    reel_real *y = c->out.data;
    const int64_t n = reel_tensor_numel(&c->out);
    REEL_PARALLEL_FOR(c, i, n) y[i] = y[i] < 0 ? 0 : y[i];
}

void REEL_FN(reel_linear_relu_backward)(const reel_call *c)
{
    REEL_FN(rectify_dout)(c);
    REEL_FN(reel_linear_backward)(c);
}

#ifdef REEL_ONCE
static reel_status infer(reel_infer *q, reel_error *err)
{
    return reel_op_linear.infer(q, err);
}

reel_var reel_linear_relu(reel_var x, reel_var w, reel_var b)
{
    return reel_apply(&reel_op_linear_relu, NULL, 0, (const reel_var[]){x, w, b}, 3);
}

static reel_var case_bias(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_linear_relu(in[0], in[1], in[2]);
}

static reel_var case_no_bias(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_linear_relu(in[0], in[1], REEL_NONE);
}

static reel_var case_shared(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    const reel_var y = reel_linear_relu(in[0], in[1], in[2]);
    return reel_add(reel_linear_relu(y, in[1], in[2]),
                    y); /* y is used twice: its gradient is complete before it is spent */
}

static const reel_op_case cases[] = {
    {"bias", case_bias, REEL_DRAW_NORMAL, 3, {{2, {3, 4}}, {2, {5, 4}}, {1, {5}}}},
    {"no bias", case_no_bias, REEL_DRAW_NORMAL, 2, {{2, {3, 4}}, {2, {5, 4}}}},
    {"more outputs than a block",
     case_bias,
     REEL_DRAW_NORMAL,
     3,
     {{2, {5, 37}}, {2, {70, 37}}, {1, {70}}}},
    {"weights and value used twice",
     case_shared,
     REEL_DRAW_NORMAL,
     3,
     {{2, {3, 4}}, {2, {4, 4}}, {1, {4}}}},
};

static reel_var random_build(reel_tape *tape, const reel_var *in, const void *attrs)
{
    (void)tape;
    return reel_linear_relu(in[0], in[1], *(const int64_t *)attrs ? in[2] : REEL_NONE);
}

static void random_use(reel_rng *rng, reel_op_sample *s)
{
    s->build = random_build;
    reel_random_linear(rng, s);
}

const reel_op reel_op_linear_relu = {.name = "linear_relu",
                                     .min_in = 2,
                                     .max_in = 3,
                                     .flags = REEL_OP_NEEDS_INPUTS | REEL_OP_NEEDS_OUTPUT |
                                              REEL_OP_ASSIGNS | REEL_OP_SPENDS_DOUT,
                                     .infer = infer,
                                     .forward = REEL_BOTH(reel_linear_relu_forward),
                                     .backward = REEL_BOTH(reel_linear_relu_backward),
                                     .cases = cases,
                                     .n_cases = REEL_COUNT(cases),
                                     .random = random_use};
#endif
