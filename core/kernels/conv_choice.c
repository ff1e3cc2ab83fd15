/* Which implementation computes a convolution. */
#include "core/kernels/conv_choice.h"

#include <string.h>

#include "core/ctx_internal.h"
#include "core/kernels/depthwise.h"
#include "core/kernels/first_layer.h"
#include "core/kernels/winograd.h"

static const char *const pass_names[] = {"forward", "input gradient", "weight gradient"};

/* Winograd transforms 49 matrices of weights whatever the batch: below a few tiles the transforms cost more than the products
 * save. */
static bool winograd_accepts(const reel_conv_shape *s, reel_conv_pass pass, bool f64, const char **why_not)
{
    const int64_t m = 8 - s->kh;
    (void)pass;
    if (f64)
        *why_not = "wants float32";
    else if (reel_winograd_accepts(s, why_not) && s->n * ((s->oh + m - 1) / m) * ((s->ow + m - 1) / m) < 32)
        *why_not = "wants 32 tiles or more";
    return !*why_not;
}

static bool first_layer_accepts(const reel_conv_shape *s, reel_conv_pass pass, bool f64, const char **why_not)
{
    if (f64)
        *why_not = "wants float32";
    else
        reel_first_layer_accepts(s, pass, why_not);
    return !*why_not;
}

static bool depthwise_accepts(const reel_conv_shape *s, reel_conv_pass pass, bool f64, const char **why_not)
{
    (void)pass;
    if (f64)
        *why_not = "wants float32";
    else
        reel_depthwise_accepts(s, why_not);
    return !*why_not;
}

static bool anything(const reel_conv_shape *s, reel_conv_pass pass, bool f64, const char **why_not)
{
    (void)s, (void)pass, (void)f64;
    return !*why_not;
}

/* In order of preference. The first that accepts runs. */
static const struct row {
    const char *name;
    bool (*accepts)(const reel_conv_shape *s, reel_conv_pass pass, bool f64, const char **why_not);
} rows[REEL_CONV_ALGORITHMS] = {
    [REEL_CONV_WINOGRAD] = {"winograd", winograd_accepts},
    [REEL_CONV_FIRST_LAYER] = {"direct", first_layer_accepts},
    [REEL_CONV_DEPTHWISE] = {"direct", depthwise_accepts},
    [REEL_CONV_GEMM] = {"gemm", anything},
    [REEL_CONV_DIRECT] = {"direct", anything},
};

const char *reel_conv_algorithm_name(reel_conv_algorithm algorithm)
{
    return rows[algorithm].name;
}

static bool accepts(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass, bool f64, int row)
{
    const char *why_not = NULL;
    const bool yes = rows[row].accepts(s, pass, f64, &why_not);
    if (reel_ctx_traces(ctx, REEL_TRACE_CONV))
        reel_ctx_log(ctx, REEL_LOG_DEBUG, "conv %lldx%lldx%lldx%lld -> %lld, kernel %lldx%lld, %s: %s %s", (long long)s->n,
                     (long long)s->c, (long long)s->h, (long long)s->w, (long long)s->oc, (long long)s->kh, (long long)s->kw,
                     pass_names[pass], rows[row].name, yes ? "runs" : why_not);
    return yes;
}

reel_conv_algorithm reel_conv_choose(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass, bool f64)
{
    const char *forced = reel_ctx_forced_conv(ctx);
    for (int row = 0; row < REEL_CONV_ALGORITHMS; row++) /* several rows are called direct */
        if (strcmp(forced, rows[row].name) == 0 && accepts(ctx, s, pass, f64, row)) return (reel_conv_algorithm)row;
    int row = 0;
    while (!accepts(ctx, s, pass, f64, row)) row++;
    return (reel_conv_algorithm)row;
}
