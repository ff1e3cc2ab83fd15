/* Applying and printing a recipe. */
#include "train/cli/recipe.h"

#include "train/cli/optim_options.h"
#include "train/cli/recipe_table.h"
#include "train/run/say.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

reel_status reel_recipe_apply(const char *name, reel_options *options, reel_error *err)
{
    for (const reel_setting *s = reel_recipe_find(name)->settings; s->option; s++)
        REEL_TRY(reel_options_preset(options, s->option, s->value, err));
    return REEL_OK;
}

void reel_recipe_print(const char *name, const reel_options *options)
{
    enum { WIDTH = 80 };
    const reel_recipe *recipe = reel_recipe_find(name);
    reel_say("recipe %s: %s", recipe->name, recipe->about);

    char line[140] = "";
    size_t used = 0;
    for (const reel_setting *s = recipe->settings; s->option; s++) {
        const char *value = reel_options_text(options, s->option);
        if (!value || reel_optimizer_lacks(options, s->option))
            continue; /* recipes are made for SGD */
        char item[100];
        const int n = snprintf(item, sizeof item, "  --%s %s%s", s->option, value,
                               strcmp(value, s->value) != 0 ? " (changed)" : "");
        if (used + (size_t)n > WIDTH) {
            reel_say("%s", line);
            used = 0;
        }
        used += (size_t)snprintf(line + used, sizeof line - used, "%s", item);
    }
    if (used)
        reel_say("%s", line);
}

void reel_recipe_warn_of_few(const char *name, int64_t images)
{
    const reel_recipe *recipe = reel_recipe_find(name);
    if (images < recipe->least)
        reel_say("warning: recipe %s was made for ImageNet's 1,281,167 images; with %" PRId64
                 " the loss may stay at ln(classes) or grow: --recipe quick suits such a set",
                 name, images);
}
