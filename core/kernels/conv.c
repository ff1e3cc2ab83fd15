/* The three passes of a convolution: choose, then run group by group. */
#include "core/kernels/conv.h"

#include "core/kernels/conv_choice.h"
#include "core/kernels/matrix.h"
#include "core/kernels/winograd.h"

/* The matrix product that a pass is, per group: rows, columns, sum. */
static void product_shape(const reel_conv_shape *s, reel_conv_pass pass, int64_t *m, int64_t *n, int64_t *k)
{
    const int64_t c = s->c / s->groups, oc = s->oc / s->groups, taps = s->kh * s->kw;
    switch (pass) {
    case REEL_CONV_FORWARD:
        *m = s->n * s->oh * s->ow, *n = oc, *k = taps * c;
        break;
    case REEL_CONV_INPUT_GRAD:
        *m = s->n * s->h * s->w, *n = c, *k = taps * oc;
        break;
    case REEL_CONV_WEIGHT_GRAD:
        *m = oc, *n = taps * c, *k = s->n * s->oh * s->ow;
        break;
    }
}

static size_t scratch_of(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass, bool f64)
{
    const int threads = reel_ctx_threads(ctx);
    if (!f64 && reel_conv_choose(ctx, s, pass) == REEL_CONV_WINOGRAD) {
        if (pass == REEL_CONV_FORWARD) return reel_winograd_forward_scratch(s, threads);
        if (pass == REEL_CONV_INPUT_GRAD) return reel_winograd_input_grad_scratch(s, threads);
        return reel_winograd_weight_grad_scratch(s, threads);
    }
    int64_t m, n, k;
    product_shape(s, pass, &m, &n, &k);
    return reel_matrix_scratch(threads, m, n, k, f64 ? sizeof(double) : sizeof(float));
}

/* One pass by the matrix product. `in`, `w` and `out` are x, w, y; dy, w, dx; or x, dy, dw. */
static void by_product(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass, bool f64, const void *in,
                       const void *w, const void *bias, bool accumulate, void *out, void *scratch)
{
    const size_t element = f64 ? sizeof(double) : sizeof(float);
    const int64_t c = s->c / s->groups, oc = s->oc / s->groups, depth = s->kh * s->kw * c;
    reel_matrix_job job = {.threads = reel_ctx_threads(ctx), .accumulate = accumulate, .c_col = 1, .scratch = scratch};
    product_shape(s, pass, &job.m, &job.n, &job.k);
    for (int64_t g = 0; g < s->groups; g++) {
        const char *x = (const char *)in + (size_t)(g * (pass == REEL_CONV_INPUT_GRAD ? oc : c)) * element;
        const char *weights = (const char *)w + (size_t)(g * oc * depth) * element,
                   *dy = (const char *)w + (size_t)(g * oc) * element;
        if (pass == REEL_CONV_FORWARD) {
            job.a = (reel_operand){REEL_OPERAND_PATCHES, x, 0, s};
            job.b = (reel_operand){REEL_OPERAND_ROWS, weights, depth, NULL};
            job.bias = bias ? (const char *)bias + (size_t)(g * oc) * element : NULL;
            job.c = (char *)out + (size_t)(g * oc) * element;
            job.c_row = s->oc;
        } else if (pass == REEL_CONV_INPUT_GRAD) {
            job.a = (reel_operand){REEL_OPERAND_BACK, x, 0, s};
            job.b = (reel_operand){REEL_OPERAND_TAPS, weights, 0, s};
            job.c = (char *)out + (size_t)(g * c) * element;
            job.c_row = s->c;
        } else {
            job.a = (reel_operand){REEL_OPERAND_COLUMNS, dy, s->oc, NULL};
            job.b = (reel_operand){REEL_OPERAND_PATCHES, x, 0, s};
            job.c = (char *)out + (size_t)(g * oc * depth) * element;
            job.c_row = depth;
        }
        reel_matrix_for(reel_ctx_isa(ctx), f64)(&job);
    }
}

/* The Winograd passes of an instruction set. */
typedef void winograd_fn(const reel_winograd_job *job);
static winograd_fn *winograd_for(reel_isa isa, reel_conv_pass pass)
{
#define ROW(isa)                                                                                                               \
    {                                                                                                                          \
        reel_winograd_forward__##isa, reel_winograd_input_grad__##isa, reel_winograd_weight_grad__##isa                        \
    }
    static winograd_fn *const table[][3] = {
        ROW(portable),
#ifdef REEL_X86
        ROW(avx2),
        ROW(avx512),
#endif
    };
#undef ROW
    return table[isa][pass];
}

#define REEL_CONV_DEFINE(suffix, is_f64)                                                                                       \
    size_t reel_conv_forward_scratch_##suffix(const reel_ctx *ctx, const reel_conv_shape *s)                                   \
    {                                                                                                                          \
        return scratch_of(ctx, s, REEL_CONV_FORWARD, is_f64);                                                                  \
    }                                                                                                                          \
    size_t reel_conv_input_grad_scratch_##suffix(const reel_ctx *ctx, const reel_conv_shape *s)                                \
    {                                                                                                                          \
        return scratch_of(ctx, s, REEL_CONV_INPUT_GRAD, is_f64);                                                               \
    }                                                                                                                          \
    size_t reel_conv_weight_grad_scratch_##suffix(const reel_ctx *ctx, const reel_conv_shape *s)                               \
    {                                                                                                                          \
        return scratch_of(ctx, s, REEL_CONV_WEIGHT_GRAD, is_f64);                                                              \
    }
REEL_CONV_DEFINE(f32, false)
REEL_CONV_DEFINE(f64, true)

static bool use_winograd(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass)
{
    return reel_conv_choose(ctx, s, pass) == REEL_CONV_WINOGRAD;
}

void reel_conv_forward_f32(const reel_ctx *ctx, const reel_conv_shape *s, const float *x, const float *w, const float *bias,
                           float *y, void *scratch)
{
    if (!use_winograd(ctx, s, REEL_CONV_FORWARD)) {
        by_product(ctx, s, REEL_CONV_FORWARD, false, x, w, bias, false, y, scratch);
        return;
    }
    const reel_winograd_job job = {
        .s = s, .threads = reel_ctx_threads(ctx), .x = x, .w = w, .bias = bias, .y = y, .scratch = scratch};
    winograd_for(reel_ctx_isa(ctx), REEL_CONV_FORWARD)(&job);
}

void reel_conv_input_grad_f32(const reel_ctx *ctx, const reel_conv_shape *s, const float *dy, const float *w, bool accumulate,
                              float *dx, void *scratch)
{
    if (!use_winograd(ctx, s, REEL_CONV_INPUT_GRAD)) {
        by_product(ctx, s, REEL_CONV_INPUT_GRAD, false, dy, w, NULL, accumulate, dx, scratch);
        return;
    }
    const reel_winograd_job job = {
        .s = s, .threads = reel_ctx_threads(ctx), .dy = dy, .w = w, .dx = dx, .accumulate = accumulate, .scratch = scratch};
    winograd_for(reel_ctx_isa(ctx), REEL_CONV_INPUT_GRAD)(&job);
}

void reel_conv_weight_grad_f32(const reel_ctx *ctx, const reel_conv_shape *s, const float *x, const float *dy, bool accumulate,
                               float *dw, void *scratch)
{
    if (!use_winograd(ctx, s, REEL_CONV_WEIGHT_GRAD)) {
        by_product(ctx, s, REEL_CONV_WEIGHT_GRAD, false, x, dy, NULL, accumulate, dw, scratch);
        return;
    }
    const reel_winograd_job job = {
        .s = s, .threads = reel_ctx_threads(ctx), .x = x, .dy = dy, .dw = dw, .accumulate = accumulate, .scratch = scratch};
    winograd_for(reel_ctx_isa(ctx), REEL_CONV_WEIGHT_GRAD)(&job);
}

void reel_conv_forward_f64(const reel_ctx *ctx, const reel_conv_shape *s, const double *x, const double *w, const double *bias,
                           double *y, void *scratch)
{
    by_product(ctx, s, REEL_CONV_FORWARD, true, x, w, bias, false, y, scratch);
}

void reel_conv_input_grad_f64(const reel_ctx *ctx, const reel_conv_shape *s, const double *dy, const double *w, bool accumulate,
                              double *dx, void *scratch)
{
    by_product(ctx, s, REEL_CONV_INPUT_GRAD, true, dy, w, NULL, accumulate, dx, scratch);
}

void reel_conv_weight_grad_f64(const reel_ctx *ctx, const reel_conv_shape *s, const double *x, const double *dy,
                               bool accumulate, double *dw, void *scratch)
{
    by_product(ctx, s, REEL_CONV_WEIGHT_GRAD, true, x, dy, NULL, accumulate, dw, scratch);
}
