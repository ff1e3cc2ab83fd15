/* Plans of the depthwise convolution: which taps meet which pixels. The arithmetic is in
 * templates/depthwise.c, compiled for each instruction set. */
#include "core/kernels/depthwise.h"

#include "core/kernels/kernels.h"

#include "core/memory.h"

static bool depthwise_accepts(const reel_conv_shape *s, reel_conv_pass pass, const char **why_not)
{
    (void)pass;
    *why_not = NULL;
    if (s->groups != s->c || s->oc != s->c || s->c < 2)
        *why_not = "wants as many groups as channels";
    else if (s->kh > REEL_DEPTHWISE_TAPS || s->kw > REEL_DEPTHWISE_TAPS ||
             s->kh * s->kw > REEL_DEPTHWISE_TAPS)
        *why_not = "wants at most 64 taps";
    return !*why_not;
}

static int64_t parts_of(const reel_conv_shape *s)
{
    return s->n * s->oh < 16 ? s->n * s->oh : 16;
}

/* An odd number of cache lines. */
static int64_t tap_step_of(const reel_conv_shape *s)
{
    return (s->c + 31) / 32 * 32 + 16;
}

/* Bytes of the tables, whole cache lines. */
static size_t tables(const reel_conv_shape *s, reel_conv_pass pass)
{
    const int64_t entries = pass == REEL_CONV_INPUT_GRAD ? s->h + s->w : s->oh + s->ow;
    return ((size_t)entries * sizeof(reel_depthwise_met) + REEL_ALIGNMENT - 1) / REEL_ALIGNMENT *
           REEL_ALIGNMENT;
}

static size_t depthwise_scratch(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass,
                                bool f64)
{
    (void)ctx, (void)f64;
    const int64_t copies = pass == REEL_CONV_WEIGHT_GRAD ? parts_of(s) : 1;
    return tables(s, pass) + (size_t)(copies * s->kh * s->kw * tap_step_of(s)) * sizeof(float);
}

/* Output pixels of one axis and the input pixels under their taps. */
static reel_depthwise_axis over_x(reel_depthwise_met *met, int64_t outputs, int64_t inputs,
                                  int64_t kernel, int64_t stride, int64_t padding, int64_t dilation)
{
    for (int64_t o = 0; o < outputs; o++) {
        met[o] = (reel_depthwise_met){0, 0, 0};
        for (int64_t k = 0; k < kernel; k++) {
            const int64_t at = o * stride - padding + k * dilation;
            if (at < 0 || at >= inputs)
                continue;
            if (met[o].count++ == 0)
                met[o].tap = k, met[o].at = at;
        }
    }
    return (reel_depthwise_axis){met, 1, dilation};
}

/* Input pixels of one axis and the output pixels that read them. */
static reel_depthwise_axis over_dy(reel_depthwise_met *met, int64_t inputs, int64_t outputs,
                                   int64_t kernel, int64_t stride, int64_t padding,
                                   int64_t dilation)
{
    int64_t step =
        1; /* from one tap that meets a pixel to the next; with one at most, any serves */
    while (step < kernel && step * dilation % stride)
        step++;
    for (int64_t i = 0; i < inputs; i++) {
        met[i] = (reel_depthwise_met){0, 0, 0};
        for (int64_t k = 0; k < kernel; k++) {
            const int64_t from = i + padding - k * dilation;
            if (from < 0 || from % stride || from / stride >= outputs)
                continue;
            if (met[i].count++ == 0)
                met[i].tap = k, met[i].at = from / stride;
        }
    }
    return (reel_depthwise_axis){met, step, -(step * dilation / stride)};
}

reel_depthwise_plan reel_depthwise_plan_make(const reel_conv_shape *s, reel_conv_pass pass,
                                             void *scratch)
{
    reel_depthwise_plan p = {.parts = parts_of(s),
                             .tap_step = tap_step_of(s),
                             .floats = (float *)((char *)scratch + tables(s, pass))};
    reel_depthwise_met *met = scratch;
    if (pass == REEL_CONV_INPUT_GRAD) {
        p.y = over_dy(met, s->h, s->oh, s->kh, s->sh, s->ph, s->dh);
        p.x = over_dy(met + s->h, s->w, s->ow, s->kw, s->sw, s->pw, s->dw);
    } else {
        p.y = over_x(met, s->oh, s->h, s->kh, s->sh, s->ph, s->dh);
        p.x = over_x(met + s->oh, s->ow, s->w, s->kw, s->sw, s->pw, s->dw);
    }
    return p;
}

static void depthwise_run(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass,
                          bool f64)
{
    (void)f64;
    reel_ctx_kernels(ctx)->depthwise[pass](job, reel_ctx_threads(ctx));
}

const reel_conv_kind reel_conv_depthwise = {.name = "direct",
                                            .ends_in_relu = true,
                                            .accepts = depthwise_accepts,
                                            .scratch = depthwise_scratch,
                                            .run = depthwise_run};
