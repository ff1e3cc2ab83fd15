/* conv2d_relu: y = max(conv(x, w) + b, 0), as relu after conv2d and equal to it to the bit: the
 * convolution rectifies what it writes, and backward masks its gradient in place: by y, or in bf16
 * by a bit for each number, so that y need not be kept for it. */
#include "core/op_impl.h"
#include "core/ops/conv_shape.h"
#include "core/ops/rectify.h"

#ifdef REEL_PUBLIC
/* max(conv2d(x, w, b), 0): relu after conv2d, with the same bits, less memory and fewer passes. */
REEL_API reel_var reel_conv2d_relu(reel_var x, reel_var w, reel_var b,
                                   const reel_conv2d_attrs *attrs);
#endif

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
                               .x_bf16 = reel_conv_is_bf16(&c->in[0]),
                               .out_bf16 = reel_conv_is_bf16(&c->out),
                               .scratch = c->scratch};
    reel_conv_pieces_run(c->ctx, REEL_DTYPE, REEL_CONV_FORWARD, &job, c->pieces);
}

void REEL_FN(reel_conv2d_relu_backward)(const reel_call *c)
{
    REEL_FN(rectify_dout)(c);
    REEL_FN(reel_conv2d_backward)(c);
}

#ifdef REEL_ONCE
void reel_conv2d_relu_forward_bf16(const reel_call *c)
{
    reel_conv2d_relu_forward_f32(c);
    if (c->saved)
        rectify_save_bits(c);
}

void reel_conv2d_relu_backward_bf16(const reel_call *c)
{
    rectify_dout_by_bits(c);
    reel_conv2d_backward_f32(c);
}

static reel_status conv2d_relu_infer(reel_infer *q, reel_error *err)
{
    REEL_TRY(reel_op_conv2d.infer(q, err));
    q->drops_output = q->takes_bf16;
    q->saved_bytes = q->takes_bf16 ? rectify_bits_bytes(reel_shape_numel(4, q->shape)) : 0;
    return REEL_OK;
}

reel_var reel_conv2d_relu(reel_var x, reel_var w, reel_var b, const reel_conv2d_attrs *attrs)
{
    const reel_conv2d_attrs a = reel_conv_defaults(attrs);
    return reel_apply(&reel_op_conv2d_relu, &a, sizeof a, (const reel_var[]){x, w, b}, 3);
}

static reel_var conv2d_relu_build(const reel_var *in, int n_in, const void *attrs)
{
    return reel_conv2d_relu(in[0], in[1], n_in > 2 ? in[2] : REEL_NONE, attrs);
}

static reel_var conv2d_relu_shared(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    const reel_conv2d_attrs padded = {.padding_h = 1, .padding_w = 1};
    return reel_conv2d_relu(reel_conv2d_relu(in[0], in[1], in[2], &padded), in[1], in[2], NULL);
}

static const reel_op_case conv2d_relu_cases[] = {
    REEL_CASE("3x3 padding", "(2, 3, 5, 5) (4, 3, 3, 3) (4)", CONV(.padding_h = 1, .padding_w = 1)),
    {.label = "3x3 no bias", .in = "(2, 3, 5, 6) (4, 3, 3, 3)"},
    REEL_CASE("stride, dilation", "(2, 3, 7, 8) (4, 3, 3, 2) (4)",
              CONV(.stride_h = 2, .stride_w = 3, .padding_h = 1, .padding_w = 2, .dilation_h = 2)),
    REEL_CASE("2 groups", "(2, 4, 5, 5) (6, 2, 3, 3) (6)",
              CONV(.groups = 2, .padding_h = 1, .padding_w = 1)),
    {.label = "weights used twice",
     .in = "(1, 3, 5, 5) (3, 3, 3, 3) (3)",
     .build = conv2d_relu_shared},
};

const reel_op reel_op_conv2d_relu =
    REEL_OP_WITH_BF16(conv2d_relu, 2, 3,
                      .flags = REEL_OP_PIECES | REEL_OP_NEEDS_INPUTS | REEL_OP_NEEDS_OUTPUT |
                               REEL_OP_ASSIGNS | REEL_OP_SPENDS_DOUT,
                      .attrs_bytes = sizeof(reel_conv2d_attrs), .infer = conv2d_relu_infer,
                      .multiply_adds = reel_conv2d_multiply_adds, .build = conv2d_relu_build,
                      REEL_CHECKS(conv2d_relu_cases, conv_random));
#endif
