/* conv2d_relu_max_pool2d: y = max_pool2d(max(conv(x, w) + b, 0)), for windows of at most 255 cells.
 *
 * The feature map between convolution and pooling is the largest of a network of AlexNet's kind,
 * and nobody reads it but the pooling. So it never exists as a whole: a part of the batch at a time
 * goes through convolution and pooling while its map is in cache, and only the pooled values and
 * one byte each for the winner's place are kept. Backward rebuilds the gradient of a part's map
 * from those bytes, again in cache, and hands it to the convolution.
 *
 * Invariant: how the batch is divided depends on shapes alone, and so do all sums. Values and the
 * gradient of x equal those of the three operators one after the other where both take the same
 * kernels; dw and db are summed part by part.
 *
 * A batch in pieces: each piece is divided as if it were alone, and its parts' sums are added up
 * before those of pieces are. Small pieces go through several at a time, but for dw and db. */
#include <string.h>

#include "core/kernels/bf16.h"
#include "core/kernels/relu_pool.h"
#include "core/memory.h"
#include "core/op_impl.h"
#include "core/ops/column_sums.h"
#include "core/ops/conv_shape.h"
#include "core/ops/pool.h"

#ifdef REEL_PUBLIC
/* max_pool2d(max(conv2d(x, w, b), 0)) within rounding of the three operators, with less memory and
 * fewer passes. The window has at most 255 cells. */
REEL_API reel_var reel_conv2d_relu_max_pool2d(reel_var x, reel_var w, reel_var b,
                                              const reel_conv2d_attrs *conv,
                                              const reel_pool2d_attrs *pool);
#endif

REEL_DECLARE_OP(conv2d);
REEL_DECLARE_OP(conv2d_relu_max_pool2d);

typedef struct conv_pool_attrs {
    reel_conv2d_attrs conv; /* first: conv2d's infer reads it */
    reel_pool2d_attrs pool;
} conv_pool_attrs;

/* Of the map at a time: half of a common last-level cache, and hundreds of Winograd's tiles. Where
 * x is stored in bf16, less memory counts. */
enum { PART_BYTES = 16 << 20, THRIFTY_PART_BYTES = 8 << 20 };

/* A batch goes through in steps: several whole pieces, or a part of one piece. Parts are of as
 * equal sizes as can be. */
typedef struct conv_pool_steps {
    int64_t pieces, images; /* of the batch; of a piece */
    int64_t together;       /* pieces in a step; 1 where a piece has several parts */
    int64_t parts;          /* of a piece */
} conv_pool_steps;

static inline conv_pool_steps conv_pool_divide(int64_t n, int64_t pieces, const reel_conv_shape *s,
                                               size_t element)
{
    const int64_t part = s->thrifty ? THRIFTY_PART_BYTES : PART_BYTES;
    const int64_t image = s->oh * s->ow * s->oc * (int64_t)element,
                  most = image < part ? part / image : 1;
    conv_pool_steps d = {.pieces = pieces, .images = n / pieces, .together = 1};
    d.parts = (d.images + most - 1) / most;
    if (d.parts == 1) {
        const int64_t fit = most / d.images, steps = (pieces + fit - 1) / fit;
        d.together = (pieces + steps - 1) / steps;
    }
    return d;
}

/* One step: images [first, first + images) of the batch. */
typedef struct conv_pool_step {
    int64_t first, images, pieces;
} conv_pool_step;

/* The step that a piece, the first of those that go together, begins or has a part in. */
static inline conv_pool_step conv_pool_step_of(const conv_pool_steps *d, int64_t piece,
                                               int64_t part)
{
    const int64_t left = d->pieces - piece, pieces = left < d->together ? left : d->together;
    const int64_t begin = d->images * part / d->parts, end = d->images * (part + 1) / d->parts;
    return (conv_pool_step){.first = piece * d->images + begin,
                            .images = pieces > 1 ? pieces * d->images : end - begin,
                            .pieces = pieces};
}

/* The map of the largest step, before the kernels' scratch. */
static inline size_t conv_pool_map_bytes(const conv_pool_steps *d, const reel_conv_shape *s,
                                         size_t element)
{
    const int64_t images = d->together * ((d->images + d->parts - 1) / d->parts);
    return reel_whole_lines((size_t)(images * s->oh * s->ow * s->oc) * element);
}

static inline reel_relu_pool_shape conv_pool_shape(const reel_pool2d_attrs *a,
                                                   const reel_conv_shape *s, const reel_tensor *y)
{
    return (reel_relu_pool_shape){.n = s->n,
                                  .c = s->oc,
                                  .h = s->oh,
                                  .w = s->ow,
                                  .oh = y->shape[2],
                                  .ow = y->shape[3],
                                  .kh = a->kernel_h,
                                  .kw = a->kernel_w,
                                  .sh = a->stride_h,
                                  .sw = a->stride_w,
                                  .ph = a->padding_h,
                                  .pw = a->padding_w};
}

/* The way through the batch: shapes of the current step, elements of an image of x, of the map and
 * of y, the step's map and the kernels' scratch. */
typedef struct conv_pool_walk {
    reel_conv_shape s;
    reel_relu_pool_shape p;
    conv_pool_steps d;
    int64_t in_image, map_image, out_image;
    reel_real *map;
    void *scratch;
    reel_real *pooled; /* a step's y or dy in float32, where it is stored in bf16; behind the map */
} conv_pool_walk;

/* Bytes of `pooled`. */
static inline size_t conv_pool_pooled_bytes(const conv_pool_steps *d, const int64_t *y)
{
    const int64_t images = d->together * ((d->images + d->parts - 1) / d->parts);
    return reel_whole_lines((size_t)(images * y[1] * y[2] * y[3]) * sizeof(float));
}

static conv_pool_walk conv_pool_walk_of(const reel_call *c, void *scratch)
{
    const conv_pool_attrs *a = c->attrs;
    conv_pool_walk at = {.s = reel_conv_shape_of(&a->conv, &c->in[0], &c->in[1], 0),
                         .map = scratch};
    at.p = conv_pool_shape(&a->pool, &at.s, &c->out);
    at.d = conv_pool_divide(c->in[0].shape[0], c->pieces, &at.s, sizeof(reel_real));
    at.in_image = at.s.h * at.s.w * at.s.c;
    at.map_image = at.s.oh * at.s.ow * at.s.oc;
    at.out_image = at.p.oh * at.p.ow * at.p.c;
    at.scratch = (char *)scratch + conv_pool_map_bytes(&at.d, &at.s, sizeof(reel_real));
    if (reel_conv_is_bf16(&c->out)) {
        at.pooled = at.scratch;
        at.scratch = (char *)at.scratch + conv_pool_pooled_bytes(&at.d, c->out.shape);
    }
    return at;
}

/* Sets the shapes to those of a step. */
static conv_pool_step conv_pool_enter(conv_pool_walk *at, int64_t piece, int64_t part)
{
    const conv_pool_step step = conv_pool_step_of(&at->d, piece, part);
    at->s.n = at->p.n = step.images;
    return step;
}

/* ReLU and pooling of a step's map, to y. */
static void REEL_FN(conv_pool_pool)(const reel_call *c, const conv_pool_walk *at,
                                    const conv_pool_step *step)
{
    const int64_t y = step->first * at->out_image;
    uint8_t *cell = c->saved ? (uint8_t *)c->saved + y : NULL;
    reel_real *to = at->pooled ? at->pooled : (reel_real *)c->out.data + y;
    reel_relu_pool(c->ctx, REEL_DTYPE, &at->p, at->map, to, cell);
#ifdef REEL_ONCE
    if (at->pooled)
        reel_bf16_round(c->ctx, to, (reel_bf16 *)c->out.data + y, step->images * at->out_image);
#endif
}

void REEL_FN(reel_conv2d_relu_max_pool2d_forward)(const reel_call *c)
{
    conv_pool_walk at = conv_pool_walk_of(c, c->scratch);

    /* Pieces part by part, or several whole pieces: one of `parts` and `together` is 1. */
    for (int64_t item = 0; item < at.d.pieces * at.d.parts; item += at.d.together) {
        const conv_pool_step step = conv_pool_enter(&at, item / at.d.parts, item % at.d.parts);
        const reel_conv_job job = {.s = &at.s,
                                   .x = reel_conv_from(&c->in[0], step.first * at.in_image),
                                   .x_bf16 = reel_conv_is_bf16(&c->in[0]),
                                   .w = c->in[1].data,
                                   .bias = c->n_in > 2 ? c->in[2].data : NULL,
                                   .out = at.map,
                                   .scratch = at.scratch};
        reel_conv_pieces_run(c->ctx, REEL_DTYPE, REEL_CONV_FORWARD, &job, step.pieces);
        REEL_FN(conv_pool_pool)(c, &at, &step);
    }
}

/* The gradient of a step's map, and of its x. */
static void REEL_FN(conv_pool_map_grad)(const reel_call *c, const conv_pool_walk *at,
                                        const conv_pool_step *step)
{
    const int64_t y = step->first * at->out_image;
    const reel_real *dy = at->pooled ? at->pooled : (const reel_real *)c->dout.data + y;
#ifdef REEL_ONCE
    if (at->pooled)
        reel_bf16_widen(c->ctx, (const reel_bf16 *)c->dout.data + y, at->pooled,
                        step->images * at->out_image);
#endif
    reel_relu_pool_backward(c->ctx, REEL_DTYPE, &at->p, dy, (const uint8_t *)c->saved + y, at->map);
    if (!c->din[0].data)
        return;
    const reel_conv_job job = {.s = &at->s,
                               .w = c->in[1].data,
                               .dy = at->map,
                               .accumulate = !c->fresh[0],
                               .out = reel_conv_from(&c->din[0], step->first * at->in_image),
                               .out_bf16 = reel_conv_is_bf16(&c->din[0]),
                               .scratch = at->scratch};
    reel_conv_pieces_run(c->ctx, REEL_DTYPE, REEL_CONV_INPUT_GRAD, &job, step->pieces);
}

/* What a piece gives to dw and db, part by part while the gradient of the map is in cache. The
 * first piece of a step makes that gradient. */
static void REEL_FN(conv_pool_grads)(const void *call, int64_t piece, const reel_tensor *to)
{
    const reel_call *c = call;
    conv_pool_walk at = conv_pool_walk_of(c, reel_conv_kernel_scratch(c));
    const int64_t before = piece % at.d.together;

    for (int64_t part = 0; part < at.d.parts; part++) {
        const conv_pool_step step = conv_pool_enter(&at, piece - before, part);
        if (before == 0)
            REEL_FN(conv_pool_map_grad)(c, &at, &step);

        /* This piece's images of the step. */
        const bool add = part > 0, whole = c->pieces > 1;
        const int64_t skipped = before * at.d.images;
        const reel_real *map = at.map + skipped * at.map_image;
        at.s.n = step.images / step.pieces;
        if (c->n_in > 2 && to[1].data)
            REEL_FN(column_sums)(c->ctx, REEL_DTYPE, map, at.s.n * at.s.oh * at.s.ow, at.s.oc,
                                 add || (!whole && !c->fresh[2]), to[1].data);
        if (to[0].data) {
            const reel_conv_job job = {
                .s = &at.s,
                .x = reel_conv_from(&c->in[0], (step.first + skipped) * at.in_image),
                .x_bf16 = reel_conv_is_bf16(&c->in[0]),
                .dy = map,
                .accumulate = add || (!whole && !c->fresh[1]),
                .out = to[0].data,
                .scratch = at.scratch};
            reel_conv_run(c->ctx, REEL_DTYPE, REEL_CONV_WEIGHT_GRAD, &job);
        }
    }
}

void REEL_FN(reel_conv2d_relu_max_pool2d_backward)(const reel_call *c)
{
    const reel_piece_tree weights = reel_conv_weight_tree(c, REEL_FN(conv_pool_grads), c);
    reel_piece_tree_run(&weights);
}

#ifdef REEL_ONCE
void reel_conv2d_relu_max_pool2d_forward_bf16(const reel_call *c)
{
    reel_conv2d_relu_max_pool2d_forward_f32(c);
}

void reel_conv2d_relu_max_pool2d_backward_bf16(const reel_call *c)
{
    reel_conv2d_relu_max_pool2d_backward_f32(c);
}

/* Makes the scratch suffice for the kernels of a step. */
static void conv_pool_need(reel_infer *q, const reel_conv_shape *s, int64_t images, int64_t pieces)
{
    reel_conv_shape step = *s;
    step.n = images;
    q->forward_scratch =
        reel_conv_larger(q->forward_scratch, reel_conv_forward_bytes(q, &step, pieces));
    q->backward_scratch =
        reel_conv_larger(q->backward_scratch, reel_conv_backward_bytes(q, &step, pieces));
}

static reel_status conv2d_relu_max_pool2d_infer(reel_infer *q, reel_error *err)
{
    const conv_pool_attrs *a = q->attrs;
    REEL_TRY(reel_op_conv2d.infer(q, err));
    const reel_tensor map = reel_tensor_of(NULL, q->dtype, 4, q->shape);
    reel_infer pooling = *q;
    pooling.attrs = &a->pool;
    pooling.in = &map;
    pooling.n_in = 1;
    REEL_TRY(reel_pool_infer(&pooling, err));
    if (a->pool.kernel_h > 255 || a->pool.kernel_w > 255 ||
        a->pool.kernel_h * a->pool.kernel_w > 255)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected a window of at most 255 cells, got %lld x %lld",
                         (long long)a->pool.kernel_h, (long long)a->pool.kernel_w);
    memcpy(q->shape, pooling.shape, sizeof q->shape);
    q->saved_bytes = (size_t)reel_shape_numel(4, q->shape);

    reel_conv_shape s = reel_conv_shape_of(&a->conv, &q->in[0], &q->in[1], 0);
    s.thrifty &= q->takes_bf16;
    const size_t element = reel_dtype_size(q->dtype);
    const conv_pool_steps d = conv_pool_divide(q->in[0].shape[0], q->pieces, &s, element);

    /* Parts differ by one image at most; the last pieces that go together may be fewer. */
    const bool takes_bf16 = q->takes_bf16;
    q->takes_bf16 = takes_bf16 && reel_conv_is_bf16(&q->in[0]); /* the map is float32 */
    q->forward_scratch = q->backward_scratch = 0;
    conv_pool_need(q, &s, d.images / d.parts, 1);
    conv_pool_need(q, &s, (d.images + d.parts - 1) / d.parts, 1);
    conv_pool_need(q, &s, d.together * (d.images / d.parts), d.together);
    const int64_t last = d.pieces % d.together;
    if (last)
        conv_pool_need(q, &s, last * d.images, last);
    q->takes_bf16 = takes_bf16;
    const size_t pooled = q->takes_bf16 ? conv_pool_pooled_bytes(&d, q->shape) : 0;
    q->forward_scratch += conv_pool_map_bytes(&d, &s, element) + pooled;
    q->backward_scratch += conv_pool_map_bytes(&d, &s, element) + pooled +
                           reel_piece_tree_bytes(q->n_in - 1, q->in + 1, q->pieces);
    return REEL_OK;
}

reel_var reel_conv2d_relu_max_pool2d(reel_var x, reel_var w, reel_var b,
                                     const reel_conv2d_attrs *conv, const reel_pool2d_attrs *pool)
{
    const conv_pool_attrs a = {reel_conv_defaults(conv), reel_pool_defaults(pool)};
    return reel_apply(&reel_op_conv2d_relu_max_pool2d, &a, sizeof a, (const reel_var[]){x, w, b},
                      3);
}

static reel_var conv2d_relu_max_pool2d_build(const reel_var *in, int n_in, const void *attrs)
{
    const conv_pool_attrs *a = attrs;
    return reel_conv2d_relu_max_pool2d(in[0], in[1], n_in > 2 ? in[2] : REEL_NONE, &a->conv,
                                       &a->pool);
}

#define PADDED {.padding_h = 1, .padding_w = 1}
#define ALEXNET_POOL {.kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2}
static const conv_pool_attrs conv_pool_alexnet = {PADDED, ALEXNET_POOL},
                             conv_pool_2x2 = {{0}, {.kernel_h = 2, .kernel_w = 2}};
static const conv_pool_attrs conv_pool_asymmetric = {{.stride_w = 2, .padding_h = 1},
                                                     {.kernel_h = 3,
                                                      .kernel_w = 2,
                                                      .stride_h = 2,
                                                      .stride_w = 3,
                                                      .padding_h = 1,
                                                      .padding_w = 1,
                                                      .ceil_mode = true}};

static reel_var conv_pool_shared(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    const conv_pool_attrs second = {PADDED, {.kernel_h = 1, .kernel_w = 2, .stride_w = 1}};
    const reel_var y = conv2d_relu_max_pool2d_build(in, 3, &conv_pool_alexnet);
    return conv2d_relu_max_pool2d_build((const reel_var[]){y, in[1], in[2]}, 3, &second);
}

static const reel_op_case conv2d_relu_max_pool2d_cases[] = {
    REEL_CASE("3x3 stride 2 (AlexNet)", "(2, 3, 7, 7) (4, 3, 3, 3) (4)", &conv_pool_alexnet),
    REEL_CASE("rest dropped", "(2, 2, 6, 8) (3, 2, 3, 3) (3)", &conv_pool_alexnet),
    REEL_CASE("2x2 no bias", "(2, 3, 6, 5) (4, 3, 3, 3)", &conv_pool_2x2),
    REEL_CASE("all attributes differ", "(2, 3, 6, 9) (4, 3, 3, 2) (4)", &conv_pool_asymmetric),
    REEL_CASE("more channels than a vector", "(2, 3, 5, 4) (19, 3, 3, 3) (19)", &conv_pool_alexnet),
    {.label = "weights used twice",
     .in = "(1, 3, 5, 5) (3, 3, 3, 3) (3)",
     .build = conv_pool_shared},
};

static void conv2d_relu_max_pool2d_random(reel_rng *rng, reel_op_sample *s)
{
    conv_pool_attrs *a = (conv_pool_attrs *)&s->attrs;
    char convolution[sizeof s->label], pooling[sizeof s->label];
    reel_random_conv2d(rng, s, &a->conv);
    memcpy(convolution, s->label, sizeof convolution);

    /* The pooling must fit the map that the convolution gives. */
    const reel_conv2d_attrs filled = reel_conv_defaults(&a->conv);
    const reel_tensor x = reel_tensor_of(NULL, REEL_F64, 4, s->in[0].shape),
                      w = reel_tensor_of(NULL, REEL_F64, 4, s->in[1].shape);
    const reel_conv_shape map = reel_conv_shape_of(&filled, &x, &w, 1);
    reel_random_pool2d(rng, s, &a->pool, map.oh, map.ow);
    memcpy(pooling, s->label, sizeof pooling);
    snprintf(s->label, sizeof s->label, "%.60s; %.55s", convolution, pooling);
}

const reel_op reel_op_conv2d_relu_max_pool2d = REEL_OP_WITH_BF16(
    conv2d_relu_max_pool2d, 2, 3, .flags = REEL_OP_PIECES | REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS,
    .attrs_bytes = sizeof(conv_pool_attrs), .infer = conv2d_relu_max_pool2d_infer,
    .multiply_adds = reel_conv2d_multiply_adds, .build = conv2d_relu_max_pool2d_build,
    REEL_CHECKS(conv2d_relu_max_pool2d_cases, conv2d_relu_max_pool2d_random));
#endif
