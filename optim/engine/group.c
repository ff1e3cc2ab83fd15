/* Parameter groups: patterns over names set multipliers and freeze. A later call overrides an
 * earlier one, name by name, so a recipe reads from the general to the particular. */
#include <math.h>

#include "optim/engine/internal.h"

/* * any run of characters, ? any one. Keeps only the last star: what an earlier one swallowed never
 * needs another try, because the pieces between stars may as well be matched as early as possible.
 * Linear for patterns that people write. */
static bool matches(const char *pattern, const char *name)
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

reel_status reel_optimizer_group(reel_optimizer *opt, const reel_group *group, reel_error *err)
{
    if (!(group->lr_mult >= 0 && isfinite(group->lr_mult)))
        return reel_fail(err, REEL_ERR_INVALID,
                         "group %s: learning rate multiplier: expected 0 or more, got %g",
                         group->pattern, group->lr_mult);
    if (!(group->decay_mult >= 0 && isfinite(group->decay_mult)))
        return reel_fail(err, REEL_ERR_INVALID,
                         "group %s: decay multiplier: expected 0 or more, got %g", group->pattern,
                         group->decay_mult);
    bool found = false;
    for (int i = 0; i < reel_params_count(opt->params); i++) {
        reel_param *p = reel_params_at(opt->params, i);
        if ((p->flags & REEL_PARAM_BUFFER) || !matches(group->pattern, p->name))
            continue;
        found = true;
        opt->slots[i].lr_mult = group->lr_mult;
        opt->slots[i].decay_mult = group->decay_mult;
        p->flags =
            group->frozen ? p->flags | REEL_PARAM_FROZEN : p->flags & ~(unsigned)REEL_PARAM_FROZEN;
    }
    if (found)
        return REEL_OK;
    return reel_fail(
        err, REEL_ERR_INVALID,
        "group %s: expected a pattern that matches a parameter, got none (the first is %s)",
        group->pattern,
        reel_params_count(opt->params) > 0 ? reel_params_at(opt->params, 0)->name : "missing");
}
