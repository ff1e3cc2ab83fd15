/* Learning rates of groups, and frozen layers. */
#include "train/run/groups.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *reel_head_pattern(const reel_params *params, char *pattern, size_t size)
{
    snprintf(pattern, size, "%s", reel_params_at(params, reel_params_count(params) - 1)->name);
    char *dot = strrchr(pattern, '.');
    if (dot)
        snprintf(dot + 1, size - (size_t)(dot + 1 - pattern), "*");
    return pattern;
}

static reel_status freeze_patterns(const char *patterns, reel_params *params, reel_error *err)
{
    char pattern[200];
    for (const char *p = patterns; p && *p;) {
        const size_t length = strcspn(p, ",");
        snprintf(pattern, sizeof pattern, "%.*s",
                 (int)(length < sizeof pattern ? length : sizeof pattern - 1), p);
        p += length + (p[length] == ',');
        if (!*pattern)
            continue;

        reel_error why;
        if (reel_params_freeze(params, pattern, &why))
            return reel_fail(err, why.status, "--freeze: %s", why.message);
    }
    return REEL_OK;
}

static reel_status quicken_head(const reel_groups *g, reel_optimizer *opt,
                                const reel_params *params, reel_error *err)
{
    char pattern[300];
    reel_head_pattern(params, pattern, sizeof pattern);
    char *dot = strrchr(pattern, '.');
    const reel_group weights = {.pattern = pattern, .lr_mult = g->head_lr_mult, .decay_mult = 1};
    REEL_TRY(reel_optimizer_group(opt, &weights, err));
    if (!dot || (g->bias_lr_mult == 1 && g->bias_decay_mult == 1))
        return REEL_OK;

    /* The last group that matches wins: the head's bias is both a bias and of the head. */
    snprintf(dot + 1, sizeof pattern - (size_t)(dot + 1 - pattern), "bias");
    const reel_group bias = {.pattern = pattern,
                             .lr_mult = g->head_lr_mult * g->bias_lr_mult,
                             .decay_mult = g->bias_decay_mult};
    return reel_optimizer_group(opt, &bias, err);
}

reel_status reel_groups_set_decays(reel_optimizer *opt, double norm, double bias, reel_error *err)
{
    reel_error why;
    if (!isnan(norm) && reel_optimizer_set_weight_decay(opt, REEL_PARAM_NORM, norm, &why))
        return reel_fail(err, why.status, "--norm-weight-decay: %s", why.message);
    if (!isnan(bias) && reel_optimizer_set_weight_decay(opt, REEL_PARAM_BIAS, bias, &why))
        return reel_fail(err, why.status, "--bias-weight-decay: %s", why.message);
    return REEL_OK;
}

static bool something_learns(const reel_params *params)
{
    for (int i = 0; i < reel_params_count(params); i++)
        if (!(reel_params_at(params, i)->flags & (REEL_PARAM_FROZEN | REEL_PARAM_BUFFER)))
            return true;
    return false;
}

reel_status reel_groups_freeze(const char *patterns, reel_params *params, reel_error *err)
{
    for (int i = 0; i < reel_params_count(params); i++)
        reel_params_at(params, i)->flags &= ~(unsigned)REEL_PARAM_FROZEN;
    REEL_TRY(freeze_patterns(patterns, params, err));
    if (!something_learns(params))
        return reel_fail(err, REEL_ERR_INVALID, "--freeze: '%s' leaves nothing to train",
                         patterns ? patterns : "");
    return REEL_OK;
}

reel_status reel_groups_apply(const reel_groups *g, reel_optimizer *opt, reel_params *params,
                              int64_t epoch, reel_error *err)
{
    const reel_group all = {.pattern = "*", .lr_mult = 1, .decay_mult = 1};
    REEL_TRY(reel_optimizer_group(opt, &all, err));

    const reel_group biases = {
        .pattern = "*.bias", .lr_mult = g->bias_lr_mult, .decay_mult = g->bias_decay_mult};
    if (g->bias_lr_mult != 1 || g->bias_decay_mult != 1)
        REEL_TRY(reel_optimizer_group(opt, &biases, err));
    if (g->head_lr_mult != 1)
        REEL_TRY(quicken_head(g, opt, params, err));

    /* What an earlier epoch froze may learn again. */
    const bool frozen = g->unfreeze_after == 0 || epoch < g->unfreeze_after;
    return reel_groups_freeze(frozen ? g->freeze : NULL, params, err);
}
