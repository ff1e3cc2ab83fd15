/* scale_channels: y[n, c, i, j] = x[n, c, i, j] s[n, c]: each map of each image by a factor of its
 * own, as squeeze-and-excitation does (Hu et al. 2018);  dx = dy s,  ds = sum over i, j of dy x.
 *
 * Channels are innermost in memory, so both passes read rows of channels. One thread computes the
 * sum of an image and a block of channels, pixel after pixel and in double: the same bits for any
 * number of threads. */
#include "core/op_impl.h"

#ifdef REEL_PUBLIC
/* y = x s with x (n, c, h, w) and s (n, c, 1, 1): each map of each image by a factor of its own, as
 * squeeze-and-excitation does (Hu et al. 2018). The value is that of reel_mul; its backward pass
 * reads x and dy once. */
REEL_API reel_var reel_scale_channels(reel_var x, reel_var s);
#endif

REEL_DECLARE_OP(scale_channels);

enum { SCALE_BLOCK = 64 }; /* channels whose sums are kept at hand */

void REEL_FN(reel_scale_channels_forward)(const reel_call *c)
{
    const int64_t n = c->out.shape[0], ch = c->out.shape[1],
                  pixels = c->out.shape[2] * c->out.shape[3];

#pragma omp parallel for collapse(2) schedule(static)                                              \
    num_threads(reel_ctx_threads(c->ctx)) if (n * ch * pixels > 16384)
    for (int64_t image = 0; image < n; image++)
        for (int64_t pixel = 0; pixel < pixels; pixel++) {
            const int64_t at = (image * pixels + pixel) * ch;
            const reel_real *x = (const reel_real *)c->in[0].data + at,
                            *s = (const reel_real *)c->in[1].data + image * ch;
            reel_real *y = (reel_real *)c->out.data + at;
#pragma omp simd
            for (int64_t k = 0; k < ch; k++)
                y[k] = x[k] * s[k];
        }
}

/* dx of one pixel's channels. */
static inline void scale_channels_row(const reel_real *dy, const reel_real *s, int64_t width,
                                      bool fresh, reel_real *dx)
{
    if (fresh)
#pragma omp simd
        for (int64_t k = 0; k < width; k++)
            dx[k] = dy[k] * s[k];
    else
#pragma omp simd
        for (int64_t k = 0; k < width; k++)
            dx[k] += dy[k] * s[k];
}

/* One image's channels from `first` on, at most SCALE_BLOCK of them. */
static void scale_channels_block(const reel_call *c, int64_t image, int64_t first)
{
    const int64_t ch = c->out.shape[1], pixels = c->out.shape[2] * c->out.shape[3];
    const int64_t width = ch - first < SCALE_BLOCK ? ch - first : SCALE_BLOCK;
    const int64_t begin = image * pixels * ch + first;
    const reel_real *x = (const reel_real *)c->in[0].data + begin,
                    *s = (const reel_real *)c->in[1].data + image * ch + first,
                    *dy = (const reel_real *)c->dout.data + begin;
    reel_real *dx = c->din[0].data, *ds = c->din[1].data;
    double sum[SCALE_BLOCK] = {0};

    /* Pixel after pixel: dx is written and ds summed while dy is at hand. */
    for (int64_t at = 0; at < pixels * ch; at += ch) {
        if (dx)
            scale_channels_row(dy + at, s, width, c->fresh[0], dx + begin + at);
        if (ds)
#pragma omp simd
            for (int64_t k = 0; k < width; k++)
                sum[k] += (double)(dy[at + k] * x[at + k]);
    }

    for (int64_t k = 0; ds && k < width; k++) {
        reel_real *to = &ds[image * ch + first + k];
        *to = (c->fresh[1] ? 0 : *to) + (reel_real)sum[k];
    }
}

void REEL_FN(reel_scale_channels_backward)(const reel_call *c)
{
    const int64_t n = c->out.shape[0], ch = c->out.shape[1],
                  pixels = c->out.shape[2] * c->out.shape[3];

#pragma omp parallel for collapse(2) schedule(static)                                              \
    num_threads(reel_ctx_threads(c->ctx)) if (n * ch * pixels > 16384)
    for (int64_t image = 0; image < n; image++)
        for (int64_t first = 0; first < ch; first += SCALE_BLOCK)
            scale_channels_block(c, image, first);
}

#ifdef REEL_ONCE
static reel_status scale_channels_infer(reel_infer *q, reel_error *err)
{
    const reel_tensor *x = &q->in[0], *s = &q->in[1];
    if (x->ndim != 4)
        return reel_fail(err, REEL_ERR_INVALID, "expected an input of shape (n, c, h, w)");
    if (s->ndim != 4 || s->shape[0] != x->shape[0] || s->shape[1] != x->shape[1] ||
        s->shape[2] != 1 || s->shape[3] != 1)
        return reel_fail(err, REEL_ERR_INVALID, "expected factors of shape (%lld, %lld, 1, 1)",
                         (long long)x->shape[0], (long long)x->shape[1]);
    return REEL_OK;
}

reel_var reel_scale_channels(reel_var x, reel_var s)
{
    return reel_apply(&reel_op_scale_channels, NULL, 0, (const reel_var[]){x, s}, 2);
}

/* x by its own means, and once more: both gradients of x add. */
static reel_var scale_channels_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    const reel_var means = reel_adaptive_avg_pool2d(in[0], 1, 1);
    return reel_scale_channels(reel_scale_channels(in[0], means), reel_add(in[1], means));
}

static const reel_op_case scale_channels_cases[] = {
    {.label = "images", .in = "(2, 3, 4, 5) (2, 3, 1, 1)"},
    {.label = "one pixel", .in = "(2, 3, 1, 1) (2, 3, 1, 1)"},
    {.label = "one channel", .in = "(3, 1, 2, 3) (3, 1, 1, 1)"},
    {.label = "more channels than a block", .in = "(1, 67, 2, 1) (1, 67, 1, 1)"},
    {.label = "inputs used twice",
     .in = "(2, 3, 2, 3) (2, 3, 1, 1)",
     .build = scale_channels_twice},
};

static void scale_channels_random(reel_rng *rng, reel_op_sample *s)
{
    s->n_in = 2;
    reel_random_image(rng, s, 0);
    s->in[1] = s->in[0];
    s->in[1].shape[2] = s->in[1].shape[3] = 1;
}

const reel_op reel_op_scale_channels = REEL_OP(
    scale_channels, 2, 2, .flags = REEL_OP_ROWS | REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS,
    .infer = scale_channels_infer, REEL_CHECKS(scale_channels_cases, scale_channels_random));
#endif
