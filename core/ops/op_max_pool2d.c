/* max_pool2d: y = the maximum of each window; the first maximum in row-major order receives the
 * gradient.
 *
 * Forward leaves the position of each maximum inside its window, one byte where the window has at
 * most 256 cells, so neither input nor output has to outlive it. Channels are innermost: a block of
 * them keeps maximum and position in registers' reach while the window's cells pass by. Comparing
 * with (v > best) or NaN makes NaN win, as in PyTorch. */
#include "core/op_impl.h"
#include "core/ops/pool.h"

REEL_DECLARE_OP(max_pool2d);

#if REEL_REAL_BITS == 32
typedef int32_t cell_index; /* as wide as reel_real, so that one vector mask serves both selects */
#else
typedef int64_t cell_index;
#endif

static inline bool wide_index(const reel_pool2d_attrs *a)
{
    return a->kernel_h * a->kernel_w > 256;
}

/* Maximum and position over one window for `width` channels. */
static inline void block_max(const reel_pool2d_attrs *a, const reel_real *x, int64_t row,
                             int64_t ch, int64_t width, int64_t top, int64_t left,
                             const reel_window *win, reel_real *best, cell_index *cell)
{
    const cell_index first = (cell_index)((win->h0 - top) * a->kernel_w + win->w0 - left);
    const reel_real *start = x + win->h0 * row + win->w0 * ch;
#pragma omp simd
    for (int64_t k = 0; k < width; k++) {
        best[k] = start[k];
        cell[k] = first;
    }
    for (int64_t u = win->h0; u < win->h1; u++)
        for (int64_t v = win->w0; v < win->w1; v++) {
            const cell_index here = (cell_index)((u - top) * a->kernel_w + v - left);
            const reel_real *p = x + u * row + v * ch;
            if (p == start)
                continue;
#pragma omp simd
            for (int64_t k = 0; k < width; k++) {
                const bool wins = (p[k] > best[k]) | (p[k] != p[k]);
                best[k] = wins ? p[k] : best[k];
                cell[k] = wins ? here : cell[k];
            }
        }
}

/* The same without positions: nothing is recorded. */
static inline void block_max_only(const reel_real *x, int64_t row, int64_t ch, int64_t width,
                                  const reel_window *win, reel_real *restrict best)
{
    memcpy(best, x + win->h0 * row + win->w0 * ch, (size_t)width * sizeof *best);
    for (int64_t u = win->h0; u < win->h1; u++)
        for (int64_t v = win->w0; v < win->w1; v++) {
            const reel_real *p = x + u * row + v * ch;
#pragma omp simd
            for (int64_t k = 0; k < width; k++)
                best[k] = ((p[k] > best[k]) | (p[k] != p[k])) ? p[k] : best[k];
        }
}

void REEL_FN(reel_max_pool2d_forward)(const reel_call *c)
{
    const reel_pool2d_attrs *a = c->attrs;
    const int64_t n = c->out.shape[0], ch = c->out.shape[1], oh = c->out.shape[2],
                  ow = c->out.shape[3];
    const int64_t h = c->in[0].shape[2], w = c->in[0].shape[3];
    const bool wide = wide_index(a);
#pragma omp parallel for collapse(2) schedule(static)                                              \
    num_threads(reel_ctx_threads(c->ctx)) if (n * h * w * ch > 16384)
    for (int64_t image = 0; image < n; image++)
        for (int64_t i = 0; i < oh; i++)
            for (int64_t j = 0; j < ow; j++) {
                const reel_window win = reel_pool_window(a, &c->in[0], i, j);
                const int64_t top = i * a->stride_h - a->padding_h,
                              left = j * a->stride_w - a->padding_w;
                const int64_t at = ((image * oh + i) * ow + j) * ch;
                for (int64_t k0 = 0; k0 < ch; k0 += REEL_POOL_BLOCK) {
                    const int64_t width = reel_pool_min(ch - k0, REEL_POOL_BLOCK);
                    const reel_real *x = (const reel_real *)c->in[0].data + image * h * w * ch + k0;
                    reel_real *y = (reel_real *)c->out.data + at + k0;
                    if (!c->saved) {
                        block_max_only(x, w * ch, ch, width, &win, y);
                        continue;
                    }
                    cell_index cell[REEL_POOL_BLOCK];
                    reel_real best[REEL_POOL_BLOCK];
                    block_max(a, x, w * ch, ch, width, top, left, &win, best, cell);
                    memcpy(y, best, (size_t)width * sizeof *y);
                    if (wide)
                        for (int64_t k = 0; k < width; k++)
                            ((int32_t *)c->saved)[at + k0 + k] = (int32_t)cell[k];
                    else
                        for (int64_t k = 0; k < width; k++)
                            ((uint8_t *)c->saved)[at + k0 + k] = (uint8_t)cell[k];
                }
            }
}

void REEL_FN(reel_max_pool2d_backward)(const reel_call *c)
{
    const reel_pool2d_attrs *a = c->attrs;
    const int64_t n = c->out.shape[0], ch = c->out.shape[1], oh = c->out.shape[2],
                  ow = c->out.shape[3];
    const int64_t h = c->din[0].shape[2], w = c->din[0].shape[3];
    const bool wide = wide_index(a);
    int64_t offset[256]; /* from the window's corner to each of its cells */
    if (!wide)
        for (int64_t u = 0; u < a->kernel_h; u++)
            for (int64_t v = 0; v < a->kernel_w; v++)
                offset[u * a->kernel_w + v] = (u * w + v) * ch;
#pragma omp parallel for collapse(2) schedule(static)                                              \
    num_threads(reel_ctx_threads(c->ctx)) if (n * h * w * ch > 16384)
    for (int64_t image = 0; image < n; image++)
        for (int64_t k0 = 0; k0 < ch; k0 += REEL_POOL_BLOCK) {
            const int64_t width = reel_pool_min(ch - k0, REEL_POOL_BLOCK);
            reel_real *dx = (reel_real *)c->din[0].data + image * h * w * ch + k0;
            if (c->fresh[0])
                for (int64_t p = 0; p < h * w; p++)
                    memset(dx + p * ch, 0, (size_t)width * sizeof *dx);
            for (int64_t i = 0; i < oh; i++)
                for (int64_t j = 0; j < ow; j++) {
                    const int64_t at = ((image * oh + i) * ow + j) * ch + k0;
                    const int64_t corner =
                        ((i * a->stride_h - a->padding_h) * w + j * a->stride_w - a->padding_w) *
                        ch;
                    const reel_real *dy = (const reel_real *)c->dout.data + at;
                    if (wide) {
                        const int32_t *cell = (const int32_t *)c->saved + at;
                        for (int64_t k = 0; k < width; k++)
                            dx[corner + (cell[k] / a->kernel_w * w + cell[k] % a->kernel_w) * ch +
                               k] += dy[k];
                    } else {
                        const uint8_t *cell = (const uint8_t *)c->saved + at;
                        for (int64_t k = 0; k < width; k++)
                            dx[corner + offset[cell[k]] + k] += dy[k];
                    }
                }
        }
}

#ifdef REEL_ONCE
static reel_status infer(reel_infer *q, reel_error *err)
{
    REEL_TRY(reel_pool_infer(q, err));
    if (((const reel_pool2d_attrs *)q->attrs)->kernel_h *
            ((const reel_pool2d_attrs *)q->attrs)->kernel_w >
        INT32_MAX)
        return reel_fail(err, REEL_ERR_INVALID, "the window has more than 2^31 - 1 cells");
    q->saved_bytes =
        (size_t)reel_shape_numel(4, q->shape) * (wide_index(q->attrs) ? sizeof(int32_t) : 1);
    return REEL_OK;
}

reel_var reel_max_pool2d(reel_var x, const reel_pool2d_attrs *attrs)
{
    const reel_pool2d_attrs a = reel_pool_defaults(attrs);
    return reel_apply(&reel_op_max_pool2d, &a, sizeof a, &x, 1);
}

#define POOL_CASE(name, ...)                                                                       \
    static reel_var name(reel_tape *tape, const reel_var *in)                                      \
    {                                                                                              \
        (void)tape;                                                                                \
        return reel_max_pool2d(in[0], &(const reel_pool2d_attrs){__VA_ARGS__});                    \
    }
POOL_CASE(case_2x2, .kernel_h = 2, .kernel_w = 2)
POOL_CASE(case_alexnet, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2)
POOL_CASE(case_ceil, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .ceil_mode = true)
POOL_CASE(case_padding, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .padding_h = 1,
          .padding_w = 1)
POOL_CASE(case_padding_ceil, .kernel_h = 3, .kernel_w = 2, .stride_h = 2, .stride_w = 3,
          .padding_h = 1, .padding_w = 1, .ceil_mode = true)
POOL_CASE(case_stride_1, .kernel_h = 3, .kernel_w = 3, .stride_h = 1, .stride_w = 1, .padding_h = 1,
          .padding_w = 1)
POOL_CASE(case_gap, .kernel_h = 2, .kernel_w = 1, .stride_h = 3, .stride_w = 2)
POOL_CASE(case_wide, .kernel_h = 17, .kernel_w = 16, .stride_h = 1, .stride_w = 2)

static reel_var case_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_add(
        reel_max_pool2d(in[0], &(const reel_pool2d_attrs){.kernel_h = 2, .kernel_w = 2}),
        reel_max_pool2d(
            in[0],
            &(const reel_pool2d_attrs){
                .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .ceil_mode = true}));
}

static const reel_op_case cases[] = {
    {"2x2", case_2x2, REEL_DRAW_DISTINCT, 1, {{4, {2, 3, 4, 6}}}},
    {"3x3 stride 2 (AlexNet)", case_alexnet, REEL_DRAW_DISTINCT, 1, {{4, {2, 3, 7, 7}}}},
    {"3x3 stride 2, rest dropped", case_alexnet, REEL_DRAW_DISTINCT, 1, {{4, {2, 2, 8, 6}}}},
    {"ceil mode", case_ceil, REEL_DRAW_DISTINCT, 1, {{4, {2, 3, 6, 8}}}},
    {"ceil mode, window over the input", case_ceil, REEL_DRAW_DISTINCT, 1, {{4, {1, 2, 2, 4}}}},
    {"padding", case_padding, REEL_DRAW_DISTINCT, 1, {{4, {2, 3, 6, 5}}}},
    {"padding, ceil mode, asymmetric",
     case_padding_ceil,
     REEL_DRAW_DISTINCT,
     1,
     {{4, {2, 3, 6, 7}}}},
    {"stride 1, all overlap", case_stride_1, REEL_DRAW_DISTINCT, 1, {{4, {1, 3, 5, 4}}}},
    {"gaps between windows", case_gap, REEL_DRAW_DISTINCT, 1, {{4, {2, 2, 7, 6}}}},
    {"more cells than a byte counts", case_wide, REEL_DRAW_DISTINCT, 1, {{4, {1, 1, 18, 20}}}},
    {"more channels than a block", case_alexnet, REEL_DRAW_DISTINCT, 1, {{4, {1, 67, 3, 5}}}},
    {"input used twice", case_twice, REEL_DRAW_DISTINCT, 1, {{4, {1, 2, 6, 6}}}},
};

static reel_var random_build(reel_tape *tape, const reel_var *in, const void *attrs)
{
    (void)tape;
    return reel_max_pool2d(in[0], attrs);
}

static void random_use(reel_rng *rng, reel_op_sample *s)
{
    s->build = random_build;
    s->n_in = 1;
    s->draw = REEL_DRAW_DISTINCT;
    reel_random_image(rng, s, 0);
    reel_random_pool2d(rng, s, (reel_pool2d_attrs *)&s->attrs, s->in[0].shape[2],
                       s->in[0].shape[3]);
}

const reel_op reel_op_max_pool2d = {.name = "max_pool2d",
                                    .min_in = 1,
                                    .max_in = 1,
                                    .flags = REEL_OP_ASSIGNS,
                                    .infer = infer,
                                    .forward = REEL_BOTH(reel_max_pool2d_forward),
                                    .backward = REEL_BOTH(reel_max_pool2d_backward),
                                    .cases = cases,
                                    .n_cases = REEL_COUNT(cases),
                                    .random = random_use};
#endif
