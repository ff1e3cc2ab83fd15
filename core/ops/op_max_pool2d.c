/* max_pool2d: y = the maximum of each window; the first maximum in row-major order receives the
 * gradient.
 *
 * Forward leaves the position of each maximum inside its window, one byte where the window has at
 * most 256 cells, so neither input nor output has to outlive it. Channels are innermost: a block of
 * them keeps maximum and position in registers' reach while the window's cells pass by. Comparing
 * with (v > best) or NaN makes NaN win, as in PyTorch. */
#include "core/kernels/relu_pool.h"
#include "core/op_impl.h"
#include "core/ops/pool.h"

#ifdef REEL_PUBLIC
/* The maximum of each window of (n, c, h, w). Padding never wins; the first maximum in row-major
 * order takes the gradient; NaN propagates. */
REEL_API reel_var reel_max_pool2d(reel_var x, const reel_pool2d_attrs *attrs);
#endif

REEL_DECLARE_OP(max_pool2d);

#if REEL_REAL_BITS == 32
typedef int32_t cell_index; /* as wide as reel_real, so that one vector mask serves both selects */
#else
typedef int64_t cell_index;
#endif

/* Whether positions take more than a byte; else the kernels of core/kernels/relu_pool.h run. */
static inline bool wide_index(const reel_pool2d_attrs *a)
{
    return a->kernel_h * a->kernel_w > 256;
}

/* One window as a block of channels sees it: x is the block's first channel at pixel (0, 0) of its
 * image, whose rows are `row` elements apart and whose pixels `ch`. */
typedef struct max_window {
    const reel_real *x;
    int64_t row, ch, width; /* width: channels of the block */
    reel_window at;
    cell_index first, cells_a_row; /* number of the window's first real cell; kernel_w */
} max_window;

/* Maximum and position over one window. NaN wins, so that it propagates: it is the only value that
 * differs from itself. */
static inline void max_of_window(const max_window *m, reel_real *best, cell_index *cell)
{
    const reel_real *start = m->x + m->at.h0 * m->row + m->at.w0 * m->ch;
#pragma omp simd
    for (int64_t k = 0; k < m->width; k++) {
        best[k] = start[k];
        cell[k] = m->first;
    }

    for (int64_t u = m->at.h0; u < m->at.h1; u++)
        for (int64_t v = m->at.w0; v < m->at.w1; v++) {
            const cell_index here =
                m->first + (cell_index)(u - m->at.h0) * m->cells_a_row + (cell_index)(v - m->at.w0);
            const reel_real *p = m->x + u * m->row + v * m->ch;
            if (p == start)
                continue;
#pragma omp simd
            for (int64_t k = 0; k < m->width; k++) {
                const bool wins = (p[k] > best[k]) | (p[k] != p[k]);
                best[k] = wins ? p[k] : best[k];
                cell[k] = wins ? here : cell[k];
            }
        }
}

/* The same without positions, where nothing is recorded. */
static inline void max_only(const max_window *m, reel_real *restrict best)
{
    memcpy(best, m->x + m->at.h0 * m->row + m->at.w0 * m->ch, (size_t)m->width * sizeof *best);
    for (int64_t u = m->at.h0; u < m->at.h1; u++)
        for (int64_t v = m->at.w0; v < m->at.w1; v++) {
            const reel_real *p = m->x + u * m->row + v * m->ch;
#pragma omp simd
            for (int64_t k = 0; k < m->width; k++)
                best[k] = ((p[k] > best[k]) | (p[k] != p[k])) ? p[k] : best[k];
        }
}

/* One window of all channels, block by block. y and the saved positions begin at element `at`. */
static void max_at(const reel_call *c, max_window m, int64_t at)
{
    const reel_real *x = m.x;
    for (int64_t k0 = 0; k0 < m.ch; k0 += REEL_POOL_BLOCK) {
        reel_real *y = (reel_real *)c->out.data + at + k0;
        m.x = x + k0;
        m.width = reel_pool_min(m.ch - k0, REEL_POOL_BLOCK);
        if (!c->saved) {
            max_only(&m, y);
            continue;
        }

        cell_index cell[REEL_POOL_BLOCK];
        reel_real best[REEL_POOL_BLOCK];
        max_of_window(&m, best, cell);
        memcpy(y, best, (size_t)m.width * sizeof *y);
        for (int64_t k = 0; k < m.width; k++)
            ((int32_t *)c->saved)[at + k0 + k] = (int32_t)cell[k];
    }
}

static inline reel_relu_pool_shape max_pool_shape(const reel_call *c)
{
    const reel_pool2d_attrs *a = c->attrs;
    const reel_pool_sizes s = reel_pool_sizes_of(c);
    return (reel_relu_pool_shape){.n = s.n,
                                  .c = s.ch,
                                  .h = s.h,
                                  .w = s.w,
                                  .oh = s.oh,
                                  .ow = s.ow,
                                  .kh = a->kernel_h,
                                  .kw = a->kernel_w,
                                  .sh = a->stride_h,
                                  .sw = a->stride_w,
                                  .ph = a->padding_h,
                                  .pw = a->padding_w,
                                  .plain = true};
}

void REEL_FN(reel_max_pool2d_forward)(const reel_call *c)
{
    const reel_pool2d_attrs *a = c->attrs;
    const reel_pool_sizes s = reel_pool_sizes_of(c);
    if (!wide_index(a)) {
        const reel_relu_pool_shape shape = max_pool_shape(c);
        reel_relu_pool(c->ctx, REEL_DTYPE, &shape, c->in[0].data, c->out.data, c->saved);
        return;
    }

    REEL_FOR_POOLED_ROWS(c, s, image, i)
    {
        for (int64_t j = 0; j < s.ow; j++) {
            const reel_window win = reel_pool_window(a, &c->in[0], i, j);
            const int64_t top = i * a->stride_h - a->padding_h,
                          left = j * a->stride_w - a->padding_w;
            const max_window m = {.x = (const reel_real *)c->in[0].data + image * s.h * s.w * s.ch,
                                  .row = s.w * s.ch,
                                  .ch = s.ch,
                                  .at = win,
                                  .first =
                                      (cell_index)((win.h0 - top) * a->kernel_w + win.w0 - left),
                                  .cells_a_row = (cell_index)a->kernel_w};
            max_at(c, m, ((image * s.oh + i) * s.ow + j) * s.ch);
        }
    }
}

/* Adds the gradient of one image's windows to a block of channels: dy and cell begin at the image's
 * first output, dx at its first pixel. */
static void max_scatter(const reel_call *c, const reel_real *dy, const int32_t *cell, int64_t width,
                        reel_real *dx)
{
    const reel_pool2d_attrs *a = c->attrs;
    const int64_t ch = c->out.shape[1], w = c->din[0].shape[3];
    for (int64_t i = 0; i < c->out.shape[2]; i++)
        for (int64_t j = 0; j < c->out.shape[3]; j++, dy += ch, cell += ch) {
            /* May lie in the padding; the winner's cell never does. */
            const int64_t corner =
                ((i * a->stride_h - a->padding_h) * w + j * a->stride_w - a->padding_w) * ch;
            for (int64_t k = 0; k < width; k++)
                dx[corner + (cell[k] / a->kernel_w * w + cell[k] % a->kernel_w) * ch + k] += dy[k];
        }
}

void REEL_FN(reel_max_pool2d_backward)(const reel_call *c)
{
    const reel_pool2d_attrs *a = c->attrs;
    const reel_pool_sizes s = reel_pool_sizes_of(c);
    if (!wide_index(a)) {
        reel_relu_pool_shape shape = max_pool_shape(c);
        shape.add = !c->fresh[0];
        reel_relu_pool_backward(c->ctx, REEL_DTYPE, &shape, c->dout.data, c->saved, c->din[0].data);
        return;
    }

    /* Windows may overlap: a thread owns all windows of an image for a block of channels. */
    REEL_FOR_POOLED_BLOCKS(c, s, image, k0)
    {
        const int64_t width = reel_pool_min(s.ch - k0, REEL_POOL_BLOCK);
        const int64_t at = image * s.oh * s.ow * s.ch + k0;
        reel_real *dx = (reel_real *)c->din[0].data + image * s.h * s.w * s.ch + k0;
        if (c->fresh[0])
            REEL_FN(reel_pool_clear)(s, width, dx);
        max_scatter(c, (const reel_real *)c->dout.data + at, (const int32_t *)c->saved + at, width,
                    dx);
    }
}

#ifdef REEL_ONCE
static reel_status max_pool2d_infer(reel_infer *q, reel_error *err)
{
    REEL_TRY(reel_pool_infer(q, err));
    const reel_pool2d_attrs *a = q->attrs;
    if (a->kernel_h * a->kernel_w > INT32_MAX)
        return reel_fail(err, REEL_ERR_INVALID, "the window has more than 2^31 - 1 cells");
    q->saved_bytes = (size_t)reel_shape_numel(4, q->shape) * (wide_index(a) ? sizeof(int32_t) : 1);
    return REEL_OK;
}

reel_var reel_max_pool2d(reel_var x, const reel_pool2d_attrs *attrs)
{
    const reel_pool2d_attrs a = reel_pool_defaults(attrs);
    return reel_apply(&reel_op_max_pool2d, &a, sizeof a, &x, 1);
}

static reel_var max_pool2d_build(const reel_var *in, int n_in, const void *attrs)
{
    (void)n_in;
    return reel_max_pool2d(in[0], attrs);
}

static reel_var max_pool2d_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return pool_used_twice(reel_max_pool2d, in[0]);
}

static const reel_op_case max_pool2d_cases[] = {
    REEL_CASE("2x2", "(2, 3, 4, 6)", POOL(2, 2, .stride_h = 0)),
    REEL_CASE("3x3 stride 2 (AlexNet)", "(2, 3, 7, 7)", POOL(3, 3, .stride_h = 2, .stride_w = 2)),
    REEL_CASE("3x3 stride 2, rest dropped", "(2, 2, 8, 6)",
              POOL(3, 3, .stride_h = 2, .stride_w = 2)),
    REEL_CASE("ceil mode", "(2, 3, 6, 8)",
              POOL(3, 3, .stride_h = 2, .stride_w = 2, .ceil_mode = true)),
    REEL_CASE("ceil mode, window over the input", "(1, 2, 2, 4)",
              POOL(3, 3, .stride_h = 2, .stride_w = 2, .ceil_mode = true)),
    REEL_CASE("padding", "(2, 3, 6, 5)",
              POOL(3, 3, .stride_h = 2, .stride_w = 2, .padding_h = 1, .padding_w = 1)),
    REEL_CASE("padding, ceil mode, asymmetric", "(2, 3, 6, 7)",
              POOL(3, 2, .stride_h = 2, .stride_w = 3, .padding_h = 1, .padding_w = 1,
                   .ceil_mode = true)),
    REEL_CASE("stride 1, all overlap", "(1, 3, 5, 4)",
              POOL(3, 3, .stride_h = 1, .stride_w = 1, .padding_h = 1, .padding_w = 1)),
    REEL_CASE("gaps between windows", "(2, 2, 7, 6)", POOL(2, 1, .stride_h = 3, .stride_w = 2)),
    REEL_CASE("more cells than a byte counts", "(1, 1, 18, 20)",
              POOL(17, 16, .stride_h = 1, .stride_w = 2)),
    REEL_CASE("more channels than a block", "(1, 67, 3, 5)",
              POOL(3, 3, .stride_h = 2, .stride_w = 2)),
    {.label = "input used twice", .in = "(1, 2, 6, 6)", .build = max_pool2d_twice},
};

const reel_op reel_op_max_pool2d = REEL_OP(
    max_pool2d, 1, 1, .flags = REEL_OP_ROWS | REEL_OP_ASSIGNS,
    .attrs_bytes = sizeof(reel_pool2d_attrs), .infer = max_pool2d_infer, .build = max_pool2d_build,
    .draw = REEL_DRAW_DISTINCT, REEL_CHECKS(max_pool2d_cases, pool_random));
#endif
