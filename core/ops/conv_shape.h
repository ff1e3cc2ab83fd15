/* For convolution operators, after core/op_impl.h: what the kernels need, from shapes that infer
 * has accepted. */
#ifndef REEL_CORE_OPS_CONV_SHAPE_H
#define REEL_CORE_OPS_CONV_SHAPE_H

#include "core/kernels/conv.h"
#include "core/op_impl.h"
#include "core/piece_tree.h"

/* Attributes as a caller gives them: 0 stands for 1 where 0 makes no sense; NULL for all of them.
 */
static inline reel_conv2d_attrs reel_conv_defaults(const reel_conv2d_attrs *attrs)
{
    reel_conv2d_attrs a = attrs ? *attrs : (reel_conv2d_attrs){0};
    if (!a.stride_h)
        a.stride_h = 1;
    if (!a.stride_w)
        a.stride_w = 1;
    if (!a.dilation_h)
        a.dilation_h = 1;
    if (!a.dilation_w)
        a.dilation_w = 1;
    if (!a.groups)
        a.groups = 1;
    return a;
}

/* n: images at a time. Thrifty where x is stored in bf16: for passes that take it so. */
static inline reel_conv_shape reel_conv_shape_of(const reel_conv2d_attrs *a, const reel_tensor *x,
                                                 const reel_tensor *w, int64_t n)
{
    return (reel_conv_shape){
        .n = n,
        .c = x->shape[1],
        .h = x->shape[2],
        .w = x->shape[3],
        .oc = w->shape[0],
        .oh =
            (x->shape[2] + 2 * a->padding_h - a->dilation_h * (w->shape[2] - 1) - 1) / a->stride_h +
            1,
        .ow =
            (x->shape[3] + 2 * a->padding_w - a->dilation_w * (w->shape[3] - 1) - 1) / a->stride_w +
            1,
        .kh = w->shape[2],
        .kw = w->shape[3],
        .sh = a->stride_h,
        .sw = a->stride_w,
        .ph = a->padding_h,
        .pw = a->padding_w,
        .dh = a->dilation_h,
        .dw = a->dilation_w,
        .groups = a->groups,
        .thrifty = x->dtype == REEL_BF16};
}

static inline size_t reel_conv_larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* What the kernels are told of how maps are stored. */
static inline bool reel_conv_is_bf16(const reel_tensor *t)
{
    return t->dtype == REEL_BF16;
}

/* Memory of a map from number `at` on, NULL for none. */
static inline void *reel_conv_from(const reel_tensor *t, int64_t at)
{
    return t->data ? (char *)t->data + (size_t)at * reel_dtype_size(t->dtype) : NULL;
}

/* What scratch is asked for: REEL_BF16 where maps may be stored so. */
static inline reel_dtype reel_conv_maps(const reel_infer *q)
{
    return q->takes_bf16 ? REEL_BF16 : q->dtype;
}

/* Weights and bias are float32 wherever they are parameters. */
static inline bool reel_conv_takes_bf16(const reel_infer *q)
{
    return q->bf16 && q->in[1].dtype == REEL_F32 && (q->n_in < 3 || q->in[2].dtype == REEL_F32);
}

/* Scratch bytes of one pass, or of both gradients, which run one after the other and so share
 * theirs. The weight gradient goes through the batch piece by piece. */
static inline size_t reel_conv_forward_bytes(const reel_infer *q, const reel_conv_shape *s,
                                             int64_t pieces)
{
    return reel_conv_pieces_scratch(q->ctx, reel_conv_maps(q), REEL_CONV_FORWARD, s, pieces);
}

static inline size_t reel_conv_backward_bytes(const reel_infer *q, const reel_conv_shape *s,
                                              int64_t pieces)
{
    reel_conv_shape piece = *s;
    piece.n /= pieces;
    return reel_conv_larger(
        reel_conv_pieces_scratch(q->ctx, reel_conv_maps(q), REEL_CONV_INPUT_GRAD, s, pieces),
        reel_conv_scratch(q->ctx, reel_conv_maps(q), REEL_CONV_WEIGHT_GRAD, &piece));
}

/* The sums over pieces that dw and db are, din[1] and din[2]: give's to[0] and to[1]. Their partial
 * sums lie before the kernels' scratch. */
static inline reel_piece_tree reel_conv_weight_tree(const reel_call *c,
                                                    void (*give)(const void *user, int64_t piece,
                                                                 const reel_tensor *to),
                                                    const void *user)
{
    return (reel_piece_tree){.ctx = c->ctx,
                             .pieces = c->pieces,
                             .n = c->n_in - 1,
                             .to = c->din + 1,
                             .partial = c->scratch,
                             .give = give,
                             .user = user};
}

static inline void *reel_conv_kernel_scratch(const reel_call *c)
{
    return (char *)c->scratch + reel_piece_tree_bytes(c->n_in - 1, c->din + 1, c->pieces);
}

/* Products of a forward pass; attrs begins with a reel_conv2d_attrs. */
int64_t reel_conv2d_multiply_adds(const void *attrs, const reel_tensor *in, const reel_tensor *out);

#ifdef REEL_ONCE
/* ---- what conv2d and conv2d_relu are checked with ---- */
#define CONV(...) (&(const reel_conv2d_attrs){__VA_ARGS__})

static inline void conv_random(reel_rng *rng, reel_op_sample *s)
{
    reel_random_conv2d(rng, s, (reel_conv2d_attrs *)&s->attrs);
}
#endif

#endif
