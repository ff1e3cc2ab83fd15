/* Parameter groups: patterns over names set multipliers and freeze. A later call overrides an
 * earlier one, name by name, so a recipe reads from the general to the particular. */
#include <math.h>

#include "optim/engine/internal.h"

/* `*` is any run of characters, `?` any one. On a mismatch only the last star takes one character
 * more: earlier stars never need another try, because the text between two stars may as well match
 * as early as possible. */
static bool pattern_matches(const char *pattern, const char *name)
{
    const char *star = NULL, *resume = NULL;

    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++resume;
        } else {
            return false;
        }
    }

    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

reel_status reel_optimizer_set_weight_decay(reel_optimizer *opt, unsigned flags,
                                            double weight_decay, reel_error *err)
{
    REEL_NEED(opt, err);
    const reel_optimizer_kind *kind = opt->config.kind;
    if (reel_optimizer_decay_row(kind) < 0)
        return reel_fail(err, REEL_ERR_INVALID, "%s: has no option weight-decay", kind->name);
    if (flags & kind->no_decay)
        return reel_fail(err, REEL_ERR_INVALID, "%s has no weight decay for these parameters",
                         kind->name);
    if (!(weight_decay >= 0 && isfinite(weight_decay)))
        return reel_fail(err, REEL_ERR_INVALID, "weight decay: expected 0 or more, got %g",
                         weight_decay);

    for (int i = 0; i < reel_params_count(opt->params); i++)
        if (reel_params_at(opt->params, i)->flags & flags) {
            opt->slots[i].own_decay = true;
            opt->slots[i].weight_decay = weight_decay;
        }
    return REEL_OK;
}

static reel_status check_multiplier(const char *pattern, const char *what, double mult,
                                    reel_error *err)
{
    if (mult >= 0 && isfinite(mult))
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID, "group %s: %s multiplier: expected 0 or more, got %g",
                     pattern, what, mult);
}

/* The first name shows how names are spelled. */
static reel_status no_match(const reel_params *params, const char *pattern, reel_error *err)
{
    const char *first = reel_params_count(params) > 0 ? reel_params_at(params, 0)->name : "missing";
    return reel_fail(
        err, REEL_ERR_INVALID,
        "group %s: expected a pattern that matches a parameter, got none (the first is %s)",
        pattern, first);
}

static bool is_in_group(const reel_param *p, const char *pattern)
{
    return !(p->flags & REEL_PARAM_BUFFER) && pattern_matches(pattern, p->name);
}

reel_status reel_params_freeze(reel_params *params, const char *pattern, reel_error *err)
{
    REEL_NEED(params, err);
    REEL_NEED(pattern, err);
    bool found = false;
    for (int i = 0; i < reel_params_count(params); i++) {
        reel_param *p = reel_params_at(params, i);
        if (!is_in_group(p, pattern))
            continue;
        found = true;
        p->flags |= REEL_PARAM_FROZEN;
    }
    return found ? REEL_OK : no_match(params, pattern, err);
}

reel_status reel_optimizer_group(reel_optimizer *opt, const reel_group *group, reel_error *err)
{
    REEL_NEED(opt, err);
    REEL_NEED(group, err);
    REEL_NEED(group->pattern, err);

    REEL_TRY(check_multiplier(group->pattern, "learning rate", group->lr_mult, err));
    REEL_TRY(check_multiplier(group->pattern, "decay", group->decay_mult, err));
    const unsigned frozen = REEL_PARAM_FROZEN;
    bool found = false;

    for (int i = 0; i < reel_params_count(opt->params); i++) {
        reel_param *p = reel_params_at(opt->params, i);
        if (!is_in_group(p, group->pattern))
            continue;
        found = true;
        opt->slots[i].lr_mult = group->lr_mult;
        opt->slots[i].decay_mult = group->decay_mult;
        p->flags = group->frozen ? p->flags | frozen : p->flags & ~frozen;
    }

    return found ? REEL_OK : no_match(opt->params, group->pattern, err);
}
