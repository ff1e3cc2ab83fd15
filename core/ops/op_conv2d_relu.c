/* conv2d_relu: y = max(conv(x, w) + b, 0), as relu after conv2d and equal to it to the bit: the
 * convolution rectifies what it writes, and backward masks its gradient in place. */
#include "core/op_impl.h"
#include "core/ops/conv_shape.h"
#include "core/ops/rectify.h"

REEL_DECLARE_OP(conv2d);
REEL_DECLARE_OP(conv2d_relu);

void REEL_FN(reel_conv2d_relu_forward)(const reel_call *c)
{
    const reel_conv_shape s = reel_conv_shape_of(c->attrs, &c->in[0], &c->in[1], c->in[0].shape[0]);
    const reel_conv_job job = {.s = &s,
                               .x = c->in[0].data,
                               .w = c->in[1].data,
                               .bias = c->n_in > 2 ? c->in[2].data : NULL,
                               .relu = true,
                               .out = c->out.data,
                               .scratch = c->scratch};
    reel_conv_run(c->ctx, REEL_DTYPE, REEL_CONV_FORWARD, &job);
}

void REEL_FN(reel_conv2d_relu_backward)(const reel_call *c)
{
    REEL_FN(rectify_dout)(c);
    REEL_FN(reel_conv2d_backward)(c);
}

#ifdef REEL_ONCE
static reel_status infer(reel_infer *q, reel_error *err)
{
    return reel_op_conv2d.infer(q, err);
}

reel_var reel_conv2d_relu(reel_var x, reel_var w, reel_var b, const reel_conv2d_attrs *attrs)
{
    const reel_conv2d_attrs a = reel_conv_defaults(attrs);
    return reel_apply(&reel_op_conv2d_relu, &a, sizeof a, (const reel_var[]){x, w, b}, 3);
}

#define CONV_CASE(name, bias, ...)                                                                 \
    static reel_var name(reel_tape *tape, const reel_var *in)                                      \
    {                                                                                              \
        (void)tape;                                                                                \
        return reel_conv2d_relu(in[0], in[1], bias, &(const reel_conv2d_attrs){__VA_ARGS__});      \
    }
CONV_CASE(case_padding, in[2], .padding_h = 1, .padding_w = 1)
CONV_CASE(case_no_bias, REEL_NONE, 0)
CONV_CASE(case_stride, in[2], .stride_h = 2, .stride_w = 3, .padding_h = 1, .padding_w = 2,
          .dilation_h = 2)
CONV_CASE(case_groups, in[2], .groups = 2, .padding_h = 1, .padding_w = 1)

static reel_var case_shared(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    const reel_var y = reel_conv2d_relu(in[0], in[1], in[2],
                                        &(const reel_conv2d_attrs){.padding_h = 1, .padding_w = 1});
    return reel_conv2d_relu(y, in[1], in[2], NULL);
}

static const reel_op_case cases[] = {
    {"3x3 padding",
     case_padding,
     REEL_DRAW_NORMAL,
     3,
     {{4, {2, 3, 5, 5}}, {4, {4, 3, 3, 3}}, {1, {4}}}},
    {"3x3 no bias", case_no_bias, REEL_DRAW_NORMAL, 2, {{4, {2, 3, 5, 6}}, {4, {4, 3, 3, 3}}}},
    {"stride, dilation",
     case_stride,
     REEL_DRAW_NORMAL,
     3,
     {{4, {2, 3, 7, 8}}, {4, {4, 3, 3, 2}}, {1, {4}}}},
    {"2 groups",
     case_groups,
     REEL_DRAW_NORMAL,
     3,
     {{4, {2, 4, 5, 5}}, {4, {6, 2, 3, 3}}, {1, {6}}}},
    {"weights used twice",
     case_shared,
     REEL_DRAW_NORMAL,
     3,
     {{4, {1, 3, 5, 5}}, {4, {3, 3, 3, 3}}, {1, {3}}}},
};

static reel_var random_build(reel_tape *tape, const reel_var *in, const void *attrs)
{
    (void)tape;
    return reel_conv2d_relu(in[0], in[1], reel_random_bias(in, attrs), attrs);
}

static void random_use(reel_rng *rng, reel_op_sample *s)
{
    s->build = random_build;
    reel_random_conv2d(rng, s);
}

const reel_op reel_op_conv2d_relu = {.name = "conv2d_relu",
                                     .min_in = 2,
                                     .max_in = 3,
                                     .flags = REEL_OP_NEEDS_INPUTS | REEL_OP_NEEDS_OUTPUT |
                                              REEL_OP_ASSIGNS | REEL_OP_SPENDS_DOUT,
                                     .infer = infer,
                                     .forward = REEL_BOTH(reel_conv2d_relu_forward),
                                     .backward = REEL_BOTH(reel_conv2d_relu_backward),
                                     .cases = cases,
                                     .n_cases = REEL_COUNT(cases),
                                     .random = random_use};
#endif
