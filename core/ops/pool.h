/* For the pooling operators, after core/op_impl.h: window geometry with PyTorch's rounding rules,
 * and averaging over windows.
 *
 * Invariant of every backward here: work is split over images and blocks of channels, never over
 * windows, so that windows may overlap without two threads meeting, and each sum runs in the order
 * of the windows. Channels are innermost in memory. */
#ifndef REEL_CORE_OPS_POOL_H
#define REEL_CORE_OPS_POOL_H

#include "core/op_impl.h"

enum { REEL_POOL_BLOCK = 64 }; /* channels that one pass keeps at hand */

/* Rows h0 .. h1 - 1 and columns w0 .. w1 - 1 of the input, none of them padding. scale: what an
 * average multiplies with. */
typedef struct reel_window {
    int64_t h0, h1, w0, w1;
    double scale;
} reel_window;

static inline int64_t reel_pool_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t reel_pool_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The window of output (i, j). An average divides by the window's area including padding, but not
 * by what ceil mode hangs over the padded input; with exclude_padding by the number of real pixels.
 */
static inline reel_window reel_pool_window(const reel_pool2d_attrs *a, const reel_tensor *x,
                                           int64_t i, int64_t j)
{
    const int64_t h = x->shape[2], w = x->shape[3];
    const int64_t h0 = i * a->stride_h - a->padding_h,
                  h1 = reel_pool_min(h0 + a->kernel_h, h + a->padding_h);
    const int64_t w0 = j * a->stride_w - a->padding_w,
                  w1 = reel_pool_min(w0 + a->kernel_w, w + a->padding_w);
    const int64_t area = (h1 - h0) * (w1 - w0);
    reel_window win = {reel_pool_max(h0, 0), reel_pool_min(h1, h), reel_pool_max(w0, 0),
                       reel_pool_min(w1, w), 0};
    const int64_t real_pixels = (win.h1 - win.h0) * (win.w1 - win.w0);
    win.scale = 1.0 / (double)(a->exclude_padding ? real_pixels : area);
    return win;
}

/* Windows along one side, or 0 where not even one fits. */
static inline int64_t reel_pool_extent(int64_t in, int64_t kernel, int64_t stride, int64_t padding,
                                       bool ceil_mode)
{
    const int64_t room = in + 2 * padding - kernel;
    if (room < 0 && !(ceil_mode && room + stride - 1 >= 0))
        return 0;
    int64_t out = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
    if (ceil_mode && (out - 1) * stride >= in + padding)
        out--;
    return out;
}

static inline reel_status reel_pool_infer(reel_infer *q, reel_error *err)
{
    const reel_pool2d_attrs *a = q->attrs;
    const reel_tensor *x = &q->in[0];
    if (x->ndim != 4)
        return reel_fail(err, REEL_ERR_INVALID, "expected an input of shape (n, c, h, w)");
    if (a->kernel_h < 1 || a->kernel_w < 1 || a->stride_h < 1 || a->stride_w < 1)
        return reel_fail(err, REEL_ERR_INVALID,
                         "kernel (%lld, %lld) and stride (%lld, %lld) must be at least 1",
                         (long long)a->kernel_h, (long long)a->kernel_w, (long long)a->stride_h,
                         (long long)a->stride_w);
    if (a->kernel_h > INT32_MAX || a->kernel_w > INT32_MAX || a->stride_h > INT32_MAX ||
        a->stride_w > INT32_MAX)
        return reel_fail(err, REEL_ERR_INVALID,
                         "kernel (%lld, %lld) and stride (%lld, %lld) must be at most 2147483647",
                         (long long)a->kernel_h, (long long)a->kernel_w, (long long)a->stride_h,
                         (long long)a->stride_w);
    if (a->padding_h < 0 || a->padding_w < 0 || a->padding_h > a->kernel_h / 2 ||
        a->padding_w > a->kernel_w / 2)
        return reel_fail(err, REEL_ERR_INVALID,
                         "padding (%lld, %lld) must be from 0 to half the kernel (%lld, %lld)",
                         (long long)a->padding_h, (long long)a->padding_w, (long long)a->kernel_h,
                         (long long)a->kernel_w);

    q->shape[2] =
        reel_pool_extent(x->shape[2], a->kernel_h, a->stride_h, a->padding_h, a->ceil_mode);
    q->shape[3] =
        reel_pool_extent(x->shape[3], a->kernel_w, a->stride_w, a->padding_w, a->ceil_mode);
    if (q->shape[2] < 1 || q->shape[3] < 1 || reel_tensor_numel(x) == 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "no window of (%lld, %lld) fits into the padded input",
                         (long long)a->kernel_h, (long long)a->kernel_w);
    return REEL_OK;
}

static inline reel_pool2d_attrs reel_pool_defaults(const reel_pool2d_attrs *attrs)
{
    reel_pool2d_attrs a = attrs ? *attrs : (reel_pool2d_attrs){0};
    if (!a.stride_h)
        a.stride_h = a.kernel_h;
    if (!a.stride_w)
        a.stride_w = a.kernel_w;
    return a;
}

/* Images, channels, height and width of the output, height and width of the input. */
typedef struct reel_pool_sizes {
    int64_t n, ch, oh, ow, h, w;
} reel_pool_sizes;

static inline reel_pool_sizes reel_pool_sizes_of(const reel_call *c)
{
    const int64_t *in = c->in[0].shape, *out = c->out.shape;
    return (reel_pool_sizes){out[0], out[1], out[2], out[3], in[2], in[3]};
}

/* Loops that the context's threads share: over the rows of all output images, and over the blocks
 * of channels of all input images. */
#define REEL_FOR_POOLED(call, s, outer, inner, end, step)                                          \
    REEL_PRAGMA(omp parallel for collapse(2) schedule(static)                                      \
                    num_threads(reel_ctx_threads((call)->ctx)) if ((s).n * (s).h * (s).w * (s).ch  \
                                                                   > 16384))                       \
    for (int64_t outer = 0; outer < (s).n; outer++)                                                \
        for (int64_t inner = 0; inner < (end); inner += (step))
#define REEL_FOR_POOLED_ROWS(call, s, image, i) REEL_FOR_POOLED(call, s, image, i, (s).oh, 1)
#define REEL_FOR_POOLED_BLOCKS(call, s, image, k0)                                                 \
    REEL_FOR_POOLED(call, s, image, k0, (s).ch, REEL_POOL_BLOCK)

/* Zeros in a block of channels of one image. */
static inline void REEL_FN(reel_pool_clear)(reel_pool_sizes s, int64_t width, reel_real *dx)
{
    for (int64_t p = 0; p < s.h * s.w; p++)
        memset(dx + p * s.ch, 0, (size_t)width * sizeof *dx);
}

/* ---- averages over windows that `window` names: avg_pool2d and adaptive_avg_pool2d ---- */
typedef reel_window reel_window_fn(const reel_call *c, int64_t i, int64_t j);

static inline void REEL_FN(reel_average_forward)(const reel_call *c, reel_window_fn *window)
{
    const reel_pool_sizes s = reel_pool_sizes_of(c);
    const int64_t ch = s.ch;
    REEL_FOR_POOLED_ROWS(c, s, image, i)
    {
        for (int64_t j = 0; j < s.ow; j++) {
            const reel_window win = window(c, i, j);
            const reel_real scale = (reel_real)win.scale;
            reel_real *y = (reel_real *)c->out.data + ((image * s.oh + i) * s.ow + j) * ch;
            memset(y, 0, (size_t)ch * sizeof *y);
            for (int64_t u = win.h0; u < win.h1; u++)
                for (int64_t v = win.w0; v < win.w1; v++) {
                    const reel_real *x =
                        (const reel_real *)c->in[0].data + ((image * s.h + u) * s.w + v) * ch;
#pragma omp simd
                    for (int64_t k = 0; k < ch; k++)
                        y[k] += x[k];
                }
#pragma omp simd
            for (int64_t k = 0; k < ch; k++)
                y[k] *= scale;
        }
    }
}

static inline void REEL_FN(reel_average_backward)(const reel_call *c, reel_window_fn *window)
{
    const reel_pool_sizes s = reel_pool_sizes_of(c);
    const int64_t ch = s.ch;

    /* Windows may overlap: a thread owns all windows of an image for a block of channels. */
    REEL_FOR_POOLED_BLOCKS(c, s, image, k0)
    {
        const int64_t width = reel_pool_min(ch - k0, REEL_POOL_BLOCK);
        reel_real *dx = (reel_real *)c->din[0].data + image * s.h * s.w * ch + k0;
        const reel_real *dy = (const reel_real *)c->dout.data + image * s.oh * s.ow * ch + k0;
        if (c->fresh[0])
            REEL_FN(reel_pool_clear)(s, width, dx);
        for (int64_t i = 0; i < s.oh; i++)
            for (int64_t j = 0; j < s.ow; j++, dy += ch) {
                const reel_window win = window(c, i, j);
                const reel_real scale = (reel_real)win.scale;
                for (int64_t u = win.h0; u < win.h1; u++)
                    for (int64_t v = win.w0; v < win.w1; v++) {
                        reel_real *to = dx + (u * s.w + v) * ch;
#pragma omp simd
                        for (int64_t k = 0; k < width; k++)
                            to[k] += dy[k] * scale;
                    }
            }
    }
}

#ifdef REEL_ONCE
/* ---- what max_pool2d and avg_pool2d are checked with ---- */
#define POOL(h, w, ...) (&(const reel_pool2d_attrs){.kernel_h = h, .kernel_w = w, __VA_ARGS__})

/* An input that two poolings with different windows use. */
static inline reel_var pool_used_twice(reel_var (*pool)(reel_var, const reel_pool2d_attrs *),
                                       reel_var x)
{
    const reel_pool2d_attrs two = {.kernel_h = 2, .kernel_w = 2};
    const reel_pool2d_attrs three = {
        .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .ceil_mode = true};
    return reel_add(pool(x, &three), pool(x, &two));
}

static inline void pool_random(reel_rng *rng, reel_op_sample *s)
{
    s->n_in = 1;
    reel_random_image(rng, s, 0);
    reel_random_pool2d(rng, s, (reel_pool2d_attrs *)&s->attrs, s->in[0].shape[2],
                       s->in[0].shape[3]);
}
#endif

#endif
