/* Which implementation computes a convolution. */
#include "core/kernels/conv_choice.h"

#include <stdlib.h>
#include <string.h>

#include "core/kernels/winograd.h"

static const char *const names[] = {"winograd", "gemm"};
static const char *const pass_names[] = {"forward", "input gradient", "weight gradient"};

const char *reel_conv_algorithm_name(reel_conv_algorithm algorithm)
{
    return names[algorithm];
}

/* Winograd transforms 49 matrices of weights whatever the batch: below a few tiles the transforms cost more than the products
 * save. */
static bool winograd_accepts(const reel_conv_shape *s, const char **why_not)
{
    if (!reel_winograd_accepts(s, why_not)) return false;
    const int64_t m = 8 - s->kh, tiles = s->n * ((s->oh + m - 1) / m) * ((s->ow + m - 1) / m);
    if (tiles < 32) *why_not = "wants 32 tiles or more";
    return !*why_not;
}

static bool gemm_accepts(const reel_conv_shape *s, const char **why_not)
{
    (void)s;
    *why_not = NULL;
    return true;
}

static bool (*const accepts[])(const reel_conv_shape *, const char **) = {winograd_accepts, gemm_accepts};

reel_conv_algorithm reel_conv_choose(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass)
{
    const char *forced = getenv("REEL_CONV"), *trace = getenv("REEL_TRACE"), *why_not = NULL;
    int chosen = 0;
    for (; chosen < REEL_CONV_ALGORITHMS - 1; chosen++) {
        if (forced && *forced && strcmp(forced, names[chosen]) != 0)
            why_not = "another one is forced";
        else if (accepts[chosen](s, &why_not))
            break;
        if (trace && strstr(trace, "conv"))
            reel_ctx_log(ctx, REEL_LOG_DEBUG, "conv %lldx%lldx%lld -> %lld, kernel %lldx%lld, %s: %s %s", (long long)s->c,
                         (long long)s->h, (long long)s->w, (long long)s->oc, (long long)s->kh, (long long)s->kw,
                         pass_names[pass], names[chosen], why_not);
    }
    return (reel_conv_algorithm)chosen;
}
