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

/* One axis of the shape. */
typedef struct axis_shape {
    int64_t inputs, outputs, kernel, stride, padding, dilation;
} axis_shape;

/* Output pixels of one axis and the input pixels under their taps. */
static reel_depthwise_axis outputs_meet_inputs(reel_depthwise_met *met, axis_shape a)
{
    for (int64_t o = 0; o < a.outputs; o++) {
        met[o] = (reel_depthwise_met){0, 0, 0};
        for (int64_t k = 0; k < a.kernel; k++) {
            const int64_t at = o * a.stride - a.padding + k * a.dilation;
            if (at < 0 || at >= a.inputs)
                continue;
            if (met[o].count++ == 0)
                met[o].tap = k, met[o].at = at;
        }
    }
    return (reel_depthwise_axis){met, 1, a.dilation};
}

/* Input pixels of one axis and the output pixels that read them. */
static reel_depthwise_axis inputs_meet_outputs(reel_depthwise_met *met, axis_shape a)
{
    /* From one tap that meets a pixel to the next; with one tap at most, any step serves. */
    int64_t step = 1;
    while (step < a.kernel && step * a.dilation % a.stride)
        step++;

    for (int64_t i = 0; i < a.inputs; i++) {
        met[i] = (reel_depthwise_met){0, 0, 0};
        for (int64_t k = 0; k < a.kernel; k++) {
            const int64_t from = i + a.padding - k * a.dilation;
            if (from < 0 || from % a.stride || from / a.stride >= a.outputs)
                continue;
            if (met[i].count++ == 0)
                met[i].tap = k, met[i].at = from / a.stride;
        }
    }
    return (reel_depthwise_axis){met, step, -(step * a.dilation / a.stride)};
}

reel_depthwise_plan reel_depthwise_plan_make(const reel_conv_shape *s, reel_conv_pass pass,
                                             void *scratch)
{
    reel_depthwise_plan p = {.parts = parts_of(s),
                             .tap_step = tap_step_of(s),
                             .floats = (float *)((char *)scratch + tables(s, pass))};
    const axis_shape y = {s->h, s->oh, s->kh, s->sh, s->ph, s->dh};
    const axis_shape x = {s->w, s->ow, s->kw, s->sw, s->pw, s->dw};
    reel_depthwise_met *met = scratch;
    if (pass == REEL_CONV_INPUT_GRAD) {
        p.y = inputs_meet_outputs(met, y);
        p.x = inputs_meet_outputs(met + s->h, x);
    } else {
        p.y = outputs_meet_inputs(met, y);
        p.x = outputs_meet_inputs(met + s->oh, x);
    }
    return p;
}

reel_depthwise_ahead reel_depthwise_look_ahead(const reel_conv_shape *s, bool back,
                                               const reel_depthwise_met *y)
{
    enum { GROUP = 4 };
    if (back)
        return (reel_depthwise_ahead){.row = y->at + 1, .rows = 1, .runs = 1, .pixels = GROUP};

    /* Strides up to the kernel meet every value; longer ones leave some out. */
    reel_depthwise_ahead a = {
        .row = y->at + y->count, .rows = s->sh, .runs = 1, .pixels = GROUP * s->sw};
    if (s->sh > s->kh) {
        a.row = y->at + s->sh;
        a.rows = s->kh;
    }
    if (s->sw > s->kw) {
        a.runs = GROUP;
        a.pixels = s->kw;
        a.apart = s->sw;
    }
    return a;
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
