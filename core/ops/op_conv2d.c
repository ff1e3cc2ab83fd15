/* conv2d: y = conv(x, w) + b, as a cross-correlation with stride, zero padding, dilation and
 * groups.
 *
 *   y[n, o, i, j] = b[o] + sum_{c, u, v} w[o, c, u, v] x[n, g(o) + c, i sh - ph + u dh, j sw - pw +
 * v dw]
 *
 * where g(o) is the first input channel of o's group.
 *
 * The arithmetic lives in core/kernels/conv.h; this file checks shapes, sizes the scratch memory
 * and decides between assigning and adding. */
#include "core/op_impl.h"
#include "core/ops/column_sums.h"
#include "core/ops/conv_shape.h"

#ifdef REEL_PUBLIC
/* Convolution (cross-correlation, as in PyTorch): x (n, c, h, w), w (oc, c / groups, kh, kw), b
 * (oc) or REEL_NONE -> (n, oc, oh, ow) with oh = floor((h + 2 ph - dh (kh - 1) - 1) / sh) + 1.
 * attrs NULL: stride 1, no padding. */
REEL_API reel_var reel_conv2d(reel_var x, reel_var w, reel_var b, const reel_conv2d_attrs *attrs);
#endif

REEL_DECLARE_OP(conv2d);

void REEL_FN(reel_conv2d_forward)(const reel_call *c)
{
    const reel_conv_shape s = reel_conv_shape_of(c->attrs, &c->in[0], &c->in[1], c->in[0].shape[0]);
    const reel_conv_job job = {.s = &s,
                               .x = c->in[0].data,
                               .w = c->in[1].data,
                               .bias = c->n_in > 2 ? c->in[2].data : NULL,
                               .out = c->out.data,
                               .x_bf16 = reel_conv_is_bf16(&c->in[0]),
                               .out_bf16 = reel_conv_is_bf16(&c->out),
                               .scratch = c->scratch};
    reel_conv_pieces_run(c->ctx, REEL_DTYPE, REEL_CONV_FORWARD, &job, c->pieces);
}

/* What a piece gives to dw, and to db where there is a bias. */
static void REEL_FN(conv2d_weight_grads)(const void *call, int64_t piece, const reel_tensor *to)
{
    const reel_call *c = call;
    const reel_conv_shape s =
        reel_conv_shape_of(c->attrs, &c->in[0], &c->in[1], c->in[0].shape[0] / c->pieces);
    const void *x = reel_conv_from(&c->in[0], piece * s.n * s.h * s.w * s.c),
               *dy = reel_conv_from(&c->dout, piece * s.n * s.oh * s.ow * s.oc);

    if (to[0].data) {
        const reel_conv_job job = {.s = &s,
                                   .x = x,
                                   .dy = dy,
                                   .accumulate = c->pieces == 1 && !c->fresh[1],
                                   .out = to[0].data,
                                   .x_bf16 = reel_conv_is_bf16(&c->in[0]),
                                   .dy_bf16 = reel_conv_is_bf16(&c->dout),
                                   .scratch = reel_conv_kernel_scratch(c)};
        reel_conv_run(c->ctx, REEL_DTYPE, REEL_CONV_WEIGHT_GRAD, &job);
    }
    if (c->n_in > 2 && to[1].data)
        REEL_FN(column_sums)(c->ctx, c->dout.dtype, dy, s.n * s.oh * s.ow, s.oc,
                             c->pieces == 1 && !c->fresh[2], to[1].data);
}

void REEL_FN(reel_conv2d_backward)(const reel_call *c)
{
    const reel_piece_tree weights = reel_conv_weight_tree(c, REEL_FN(conv2d_weight_grads), c);
    reel_piece_tree_run(&weights);

    if (c->din[0].data) {
        const reel_conv_shape s =
            reel_conv_shape_of(c->attrs, &c->in[0], &c->in[1], c->in[0].shape[0]);
        const reel_conv_job job = {.s = &s,
                                   .w = c->in[1].data,
                                   .dy = c->dout.data,
                                   .accumulate = !c->fresh[0],
                                   .out = c->din[0].data,
                                   .dy_bf16 = reel_conv_is_bf16(&c->dout),
                                   .out_bf16 = reel_conv_is_bf16(&c->din[0]),
                                   .scratch = reel_conv_kernel_scratch(c)};
        reel_conv_pieces_run(c->ctx, REEL_DTYPE, REEL_CONV_INPUT_GRAD, &job, c->pieces);
    }
}

#ifdef REEL_ONCE
/* The same text: the kernels are told which maps are bf16. */
void reel_conv2d_forward_bf16(const reel_call *c)
{
    reel_conv2d_forward_f32(c);
}

void reel_conv2d_backward_bf16(const reel_call *c)
{
    reel_conv2d_backward_f32(c);
}

int64_t reel_conv2d_multiply_adds(const void *attrs, const reel_tensor *in, const reel_tensor *out)
{
    const reel_conv_shape s = reel_conv_shape_of(attrs, &in[0], &in[1], in[0].shape[0]);
    (void)out;
    return s.n * s.oh * s.ow * s.oc * (s.c / s.groups) * s.kh * s.kw;
}

static reel_status conv2d_check_attrs(const reel_conv2d_attrs *a, reel_error *err)
{
    if (a->stride_h < 1 || a->stride_w < 1 || a->dilation_h < 1 || a->dilation_w < 1 ||
        a->groups < 1)
        return reel_fail(
            err, REEL_ERR_INVALID,
            "stride (%lld, %lld), dilation (%lld, %lld) and groups %lld must be at least 1",
            (long long)a->stride_h, (long long)a->stride_w, (long long)a->dilation_h,
            (long long)a->dilation_w, (long long)a->groups);
    if (a->stride_h > INT32_MAX || a->stride_w > INT32_MAX)
        return reel_fail(err, REEL_ERR_INVALID, "stride (%lld, %lld) must be at most 2147483647",
                         (long long)a->stride_h, (long long)a->stride_w);

    if (a->padding_h < 0 || a->padding_w < 0)
        return reel_fail(err, REEL_ERR_INVALID, "padding (%lld, %lld) must not be negative",
                         (long long)a->padding_h, (long long)a->padding_w);

    /* 2 padding and dilation (kernel - 1) must fit in 64 bits. */
    if (a->padding_h > INT32_MAX || a->padding_w > INT32_MAX || a->dilation_h > INT32_MAX ||
        a->dilation_w > INT32_MAX)
        return reel_fail(
            err, REEL_ERR_INVALID,
            "padding (%lld, %lld) and dilation (%lld, %lld) must be at most 2147483647",
            (long long)a->padding_h, (long long)a->padding_w, (long long)a->dilation_h,
            (long long)a->dilation_w);
    return REEL_OK;
}

/* Channels, groups and bias must agree. Ranks and groups >= 1 have been checked before. */
static reel_status conv2d_check_shapes(const reel_infer *q, reel_error *err)
{
    const reel_conv2d_attrs *a = q->attrs;
    const reel_tensor *x = &q->in[0], *w = &q->in[1];
    if (reel_tensor_numel(x) == 0 || reel_tensor_numel(w) == 0)
        return reel_fail(err, REEL_ERR_INVALID, "input and weight must not be empty");

    /* Groups split both channel counts: x (n, c, h, w), w (oc, c / groups, kh, kw). */
    if (x->shape[1] % a->groups || w->shape[0] % a->groups)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%lld input and %lld output channels do not divide into %lld groups",
                         (long long)x->shape[1], (long long)w->shape[0], (long long)a->groups);
    if (w->shape[1] != x->shape[1] / a->groups)
        return reel_fail(
            err, REEL_ERR_INVALID,
            "the input has %lld channels in %lld groups, the weight takes %lld a group, not %lld",
            (long long)x->shape[1], (long long)a->groups, (long long)w->shape[1],
            (long long)(x->shape[1] / a->groups));

    if (q->n_in > 2 && (q->in[2].ndim != 1 || q->in[2].shape[0] != w->shape[0]))
        return reel_fail(err, REEL_ERR_INVALID, "expected a bias of shape (%lld)",
                         (long long)w->shape[0]);
    return REEL_OK;
}

static reel_status conv2d_infer(reel_infer *q, reel_error *err)
{
    const reel_conv2d_attrs *a = q->attrs;
    const reel_tensor *x = &q->in[0], *w = &q->in[1];
    if (x->ndim != 4)
        return reel_fail(err, REEL_ERR_INVALID, "expected an input of shape (n, c, h, w)");
    if (w->ndim != 4)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected a weight of shape (oc, c / groups, kh, kw)");
    REEL_TRY(conv2d_check_attrs(a, err));
    REEL_TRY(conv2d_check_shapes(q, err));

    /* What is left of the padded input when the kernel lies at its start: (oh - 1) strides. */
    const int64_t room_h = x->shape[2] + 2 * a->padding_h - a->dilation_h * (w->shape[2] - 1) - 1;
    const int64_t room_w = x->shape[3] + 2 * a->padding_w - a->dilation_w * (w->shape[3] - 1) - 1;
    if (room_h < 0 || room_w < 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "the kernel spans (%lld, %lld), more than the padded input (%lld, %lld)",
                         (long long)(a->dilation_h * (w->shape[2] - 1) + 1),
                         (long long)(a->dilation_w * (w->shape[3] - 1) + 1),
                         (long long)(x->shape[2] + 2 * a->padding_h),
                         (long long)(x->shape[3] + 2 * a->padding_w));

    q->shape[1] = w->shape[0];
    q->shape[2] = room_h / a->stride_h + 1;
    q->shape[3] = room_w / a->stride_w + 1;
    REEL_TRY(reel_infer_check_size(q, err));

    q->takes_bf16 = reel_conv_takes_bf16(q);
    reel_conv_shape s = reel_conv_shape_of(a, x, w, x->shape[0]);
    s.thrifty &= q->takes_bf16;
    q->forward_scratch = reel_conv_forward_bytes(q, &s, q->pieces);
    q->backward_scratch = reel_conv_backward_bytes(q, &s, q->pieces) +
                          reel_piece_tree_bytes(q->n_in - 1, q->in + 1, q->pieces);
    return REEL_OK;
}

reel_var reel_conv2d(reel_var x, reel_var w, reel_var b, const reel_conv2d_attrs *attrs)
{
    const reel_conv2d_attrs a = reel_conv_defaults(attrs);
    return reel_apply(&reel_op_conv2d, &a, sizeof a, (const reel_var[]){x, w, b}, 3);
}

static reel_var conv2d_build(const reel_var *in, int n_in, const void *attrs)
{
    return reel_conv2d(in[0], in[1], n_in > 2 ? in[2] : REEL_NONE, attrs);
}

/* Every input but the first is used twice: gradients must add. */
static reel_var conv2d_shared(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    const reel_conv2d_attrs padded = {.padding_h = 1, .padding_w = 1};
    return reel_conv2d(reel_conv2d(in[0], in[1], in[2], &padded), in[1], in[2], NULL);
}

static const reel_op_case conv2d_cases[] = {
    {.label = "3x3", .in = "(2, 3, 6, 5) (4, 3, 3, 3) (4)"},
    {.label = "3x3 no bias", .in = "(2, 3, 5, 6) (4, 3, 3, 3)"},
    {.label = "1x1", .in = "(2, 5, 3, 4) (3, 5, 1, 1) (3)"},
    {.label = "kernel as large as the input", .in = "(2, 3, 4, 3) (5, 3, 4, 3) (5)"},
    {.label = "one channel, one filter", .in = "(1, 1, 5, 5) (1, 1, 3, 3) (1)"},
    REEL_CASE("3x3 padding", "(2, 3, 5, 5) (4, 3, 3, 3) (4)", CONV(.padding_h = 1, .padding_w = 1)),
    REEL_CASE("5x5 padding", "(2, 2, 6, 7) (3, 2, 5, 5) (3)", CONV(.padding_h = 2, .padding_w = 2)),
    REEL_CASE("padding beyond the kernel", "(2, 2, 3, 4) (3, 2, 2, 2) (3)",
              CONV(.padding_h = 2, .padding_w = 2)),
    REEL_CASE("kernel 2x3, all attributes differ", "(2, 3, 7, 6) (4, 3, 2, 3) (4)",
              CONV(.stride_h = 2, .stride_w = 1, .padding_w = 2, .dilation_h = 1, .dilation_w = 2)),
    REEL_CASE("stride 2", "(2, 3, 7, 8) (4, 3, 3, 3) (4)",
              CONV(.stride_h = 2, .stride_w = 2, .padding_h = 1, .padding_w = 1)),
    REEL_CASE("11x11 stride 4 (first of AlexNet)", "(1, 3, 17, 15) (2, 3, 11, 11) (2)",
              CONV(.stride_h = 4, .stride_w = 4, .padding_h = 2, .padding_w = 2)),
    REEL_CASE("stride over kernel", "(2, 2, 8, 9) (3, 2, 2, 2) (3)",
              CONV(.stride_h = 3, .stride_w = 3)),
    REEL_CASE("dilation 2", "(2, 3, 6, 7) (4, 3, 3, 3) (4)",
              CONV(.dilation_h = 2, .dilation_w = 2, .padding_h = 2, .padding_w = 2)),
    REEL_CASE("2 groups", "(2, 4, 5, 5) (6, 2, 3, 3) (6)",
              CONV(.groups = 2, .padding_h = 1, .padding_w = 1)),
    REEL_CASE("3 groups, stride 2, no bias", "(2, 3, 6, 6) (6, 1, 2, 2)",
              CONV(.groups = 3, .stride_h = 2, .stride_w = 2)),
    REEL_CASE("depthwise", "(2, 4, 5, 4) (4, 1, 3, 3) (4)",
              CONV(.groups = 4, .padding_h = 1, .padding_w = 1)),
    REEL_CASE("depthwise, two filters a channel", "(2, 4, 4, 5) (8, 1, 3, 3) (8)",
              CONV(.groups = 4, .padding_h = 1, .padding_w = 1)),
    REEL_CASE("more channels than a vector", "(2, 19, 4, 5) (35, 19, 3, 3) (35)",
              CONV(.padding_h = 1, .padding_w = 1)),
    {.label = "weights used twice", .in = "(1, 3, 5, 5) (3, 3, 3, 3) (3)", .build = conv2d_shared},
};

const reel_op reel_op_conv2d = REEL_OP_WITH_BF16(
    conv2d, 2, 3, .flags = REEL_OP_PIECES | REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS,
    .attrs_bytes = sizeof(reel_conv2d_attrs), .infer = conv2d_infer, .build = conv2d_build,
    .multiply_adds = reel_conv2d_multiply_adds, REEL_CHECKS(conv2d_cases, conv_random));
#endif
