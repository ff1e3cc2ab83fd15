/* For the `random` entries of operator files: drawing small valid shapes and attributes.
 *
 * Sizes are mostly 1 to 5, because mistakes hide at 1 and at small sizes that differ, and now and
 * then 16 or more, to get past one vector register. All is a function of the stream that is handed
 * in. */
#ifndef REEL_CORE_OP_RANDOM_H
#define REEL_CORE_OP_RANDOM_H

#include "core/op.h"
#include "core/ops.h"

#include <stdio.h>

/* lo to hi, both included. */
static inline int64_t reel_random_int(reel_rng *rng, int64_t lo, int64_t hi)
{
    return lo + (int64_t)reel_rng_below(rng, (uint64_t)(hi - lo) + 1);
}

static inline bool reel_random_chance(reel_rng *rng, double p)
{
    return reel_rng_uniform(rng) < p;
}

/* "axes (1, 0)" */
static inline void reel_random_label(reel_op_sample *s, const char *words, int count,
                                     const int64_t *values)
{
    char text[90];
    snprintf(s->label, sizeof s->label, "%s %s", words,
             reel_shape_text(text, sizeof text, count < 12 ? count : 12, values));
}

/* Gives input i a rank from least to most and at most about 60 elements. */
static inline void reel_random_shape(reel_rng *rng, reel_op_sample *s, int i, int least, int most)
{
    int64_t room = 60;
    s->in[i].ndim = (int)reel_random_int(rng, least, most);
    for (int d = 0; d < s->in[i].ndim; d++) {
        const int64_t largest = reel_random_chance(rng, 0.06) ? 40 : 5;
        const int64_t size = reel_random_int(rng, 1, largest < room ? largest : room);
        s->in[i].shape[d] = size;
        room /= size;
    }
}

/* Two inputs that broadcast: a common shape, in which each may have a 1 or leave out dimensions in
 * front. */
static inline void reel_random_broadcast(reel_rng *rng, reel_op_sample *s)
{
    reel_random_shape(rng, s, 0, 0, REEL_MAX_DIMS);
    s->in[1] = s->in[0];
    const int ndim = s->in[0].ndim;
    const int shorter = (int)reel_random_int(rng, 0, 1),
              cut = reel_random_chance(rng, 0.4) ? (int)reel_random_int(rng, 0, ndim) : 0;
    for (int i = 0; i < 2; i++)
        for (int d = 0; d < ndim; d++)
            if (reel_random_chance(rng, 0.25))
                s->in[i].shape[d] = 1;
    s->in[shorter].ndim = ndim - cut;
    for (int d = 0; d < ndim - cut; d++)
        s->in[shorter].shape[d] = s->in[shorter].shape[d + cut];
}

/* Input i becomes a batch of images (n, c, h, w). */
static inline void reel_random_image(reel_rng *rng, reel_op_sample *s, int i)
{
    int64_t *shape = s->in[i].shape;
    s->in[i].ndim = 4;
    shape[0] = reel_random_int(rng, 1, 3);
    shape[1] =
        reel_random_chance(rng, 0.1) ? reel_random_int(rng, 8, 20) : reel_random_int(rng, 1, 4);
    const int64_t largest = shape[1] > 4 ? 3 : 7;
    shape[2] = reel_random_int(rng, 1, largest);
    shape[3] = reel_random_int(rng, 1, largest);
}

/* The random use of an operator of one batch of images without attributes. */
static inline void reel_random_one_image(reel_rng *rng, reel_op_sample *s)
{
    s->n_in = 1;
    reel_random_image(rng, s, 0);
}

/* x (n, in), w (out, in), and often b (out). */
static inline void reel_random_linear(reel_rng *rng, reel_op_sample *s)
{
    const int64_t n = reel_random_int(rng, 1, 5),
                  in = reel_random_int(rng, 1, reel_random_chance(rng, 0.1) ? 30 : 6);
    const int64_t out = reel_random_int(rng, 1, reel_random_chance(rng, 0.1) ? 30 : 6);
    const int64_t shapes[3][2] = {{n, in}, {out, in}, {out}};
    s->n_in = reel_random_chance(rng, 0.7) ? 3 : 2;
    for (int i = 0; i < s->n_in; i++) {
        s->in[i].ndim = i < 2 ? 2 : 1;
        s->in[i].shape[0] = shapes[i][0];
        s->in[i].shape[1] = shapes[i][1];
    }
}

static inline int64_t reel_random_larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* x, w, and often b; the input is as large as the kernel needs and somewhat larger. */
static inline void reel_random_conv2d(reel_rng *rng, reel_op_sample *s, reel_conv2d_attrs *c)
{
    const int64_t groups = reel_random_chance(rng, 0.6) ? 1 : reel_random_int(rng, 2, 3);
    const int64_t in = reel_random_int(rng, 1, 3),
                  out = reel_random_int(rng, 1, reel_random_chance(rng, 0.1) ? 18 : 3);
    const int64_t kh = reel_random_int(rng, 1, 4),
                  kw = reel_random_chance(rng, 0.5) ? kh : reel_random_int(rng, 1, 4);
    const bool square = reel_random_chance(rng, 0.5);

    c->groups = groups;
    c->stride_h = reel_random_chance(rng, 0.5) ? 0 : reel_random_int(rng, 1, 3);
    c->stride_w = square ? c->stride_h : reel_random_int(rng, 1, 3);
    c->padding_h = reel_random_int(rng, 0, kh);
    c->padding_w = square ? c->padding_h : reel_random_int(rng, 0, 2);
    c->dilation_h = reel_random_chance(rng, 0.7) ? 0 : reel_random_int(rng, 1, 2);
    c->dilation_w = square ? c->dilation_h : reel_random_int(rng, 1, 2);
    s->n_in = reel_random_chance(rng, 0.7) ? 3 : 2;

    const int64_t need_h = (c->dilation_h ? c->dilation_h : 1) * (kh - 1) + 1 - 2 * c->padding_h;
    const int64_t need_w = (c->dilation_w ? c->dilation_w : 1) * (kw - 1) + 1 - 2 * c->padding_w;
    const int64_t h = reel_random_larger(need_h, 1) + reel_random_int(rng, 0, 4);
    const int64_t w = reel_random_larger(need_w, 1) + reel_random_int(rng, 0, 4);
    const int64_t shapes[3][4] = {{reel_random_int(rng, 1, 3), in * groups, h, w},
                                  {out * groups, in, kh, kw},
                                  {out * groups}};
    for (int i = 0; i < s->n_in; i++) {
        s->in[i].ndim = i < 2 ? 4 : 1;
        for (int d = 0; d < s->in[i].ndim; d++)
            s->in[i].shape[d] = shapes[i][d];
    }

    const int64_t shown[] = {c->stride_h,   c->stride_w,   c->padding_h, c->padding_w,
                             c->dilation_h, c->dilation_w, groups};
    reel_random_label(s, "stride, padding, dilation, groups", 7, shown);
}

/* A window over h x w pixels, with every choice of stride, padding and rounding. */
static inline void reel_random_pool2d(reel_rng *rng, reel_op_sample *s, reel_pool2d_attrs *p,
                                      int64_t h, int64_t w)
{
    const bool square = reel_random_chance(rng, 0.5) && h == w;
    *p = (reel_pool2d_attrs){.ceil_mode = reel_random_chance(rng, 0.4),
                             .exclude_padding = reel_random_chance(rng, 0.4)};
    p->kernel_h = reel_random_int(rng, 1, h < 4 ? h : 4);
    p->kernel_w = square ? p->kernel_h : reel_random_int(rng, 1, w < 4 ? w : 4);
    p->stride_h = reel_random_chance(rng, 0.3) ? 0 : reel_random_int(rng, 1, 3);
    p->stride_w = square ? p->stride_h : reel_random_int(rng, 1, 3);
    p->padding_h = reel_random_int(rng, 0, p->kernel_h / 2);
    p->padding_w = square ? p->padding_h : reel_random_int(rng, 0, p->kernel_w / 2);
    const int64_t shown[] = {p->kernel_h, p->kernel_w,  p->stride_h,
                             p->stride_w, p->padding_h, p->padding_w};
    reel_random_label(
        s, p->ceil_mode ? "ceil mode; kernel, stride, padding" : "kernel, stride, padding", 6,
        shown);
}

#endif
