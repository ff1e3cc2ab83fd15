/* Applying and printing a recipe. */
#include "train/cli/recipe.h"

#include "train/cli/optim_options.h"
#include "train/cli/recipe_table.h"
#include "train/run/say.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Images of an update; 0: the batch is chosen later (--batch-size auto). */
static double images_of_update(const reel_options *options)
{
    return (double)reel_options_int(options, "batch-size") *
           (double)reel_options_int(options, "accumulate");
}

enum { VALUE_TEXT = 32 };

/* What the recipe says about an option for this batch. `text` may hold the answer. */
static const char *value_for_batch(const reel_recipe *recipe, const reel_setting *s,
                                   const reel_options *options, char text[VALUE_TEXT])
{
    if (!recipe->rates)
        return s->value;

    const reel_batch_rate rate = reel_recipe_rate(recipe, images_of_update(options));
    const struct {
        const char *option;
        double value;
    } rows[] = {{"lr", rate.lr},
                {"lr-warmup-epochs", rate.warmup_epochs},
                {"lr-warmup-decay", rate.warmup_lr / rate.lr}};
    for (int i = 0; i < REEL_COUNT(rows); i++)
        if (!strcmp(rows[i].option, s->option)) {
            snprintf(text, VALUE_TEXT, "%.6g", rows[i].value);
            return text;
        }
    return s->value;
}

reel_status reel_recipe_apply(const char *name, reel_options *options, reel_error *err)
{
    const reel_recipe *recipe = reel_recipe_find(name);
    char text[VALUE_TEXT];
    /* The batch first: other values depend on it. */
    REEL_TRY(
        reel_options_preset(options, "batch-size", reel_recipe_value(name, "batch-size"), err));
    for (const reel_setting *s = recipe->settings; s->option; s++)
        REEL_TRY(reel_options_preset(options, s->option, value_for_batch(recipe, s, options, text),
                                     err));
    return REEL_OK;
}

static void warn_of_batch(const reel_recipe *recipe, const reel_options *options)
{
    if (!recipe->rates || reel_options_given(options, "lr") ||
        strcmp(reel_options_text(options, "opt"), reel_recipe_value(recipe->name, "opt")) != 0)
        return; /* the rate is another one */
    const double images = images_of_update(options), least = recipe->rates[0].images,
                 most = recipe->rates[recipe->n_rates - 1].images;
    if (images < least || images > most)
        reel_say("warning: recipe %s has rates for %g to %g images an update; with %g it takes "
                 "that of %g: choose --lr yourself",
                 recipe->name, least, most, images, reel_recipe_rate(recipe, images).images);
}

void reel_recipe_print(const char *name, const reel_options *options)
{
    enum { WIDTH = 80 };
    const reel_recipe *recipe = reel_recipe_find(name);
    reel_say("recipe %s: %s", recipe->name, recipe->about);

    char line[140] = "", text[VALUE_TEXT];
    size_t used = 0;
    for (const reel_setting *s = recipe->settings; s->option; s++) {
        const char *value = reel_options_text(options, s->option);
        if (!value || reel_optimizer_lacks(options, s->option))
            continue; /* the recipe is made for another optimizer */
        const char *said = value_for_batch(recipe, s, options, text);
        char item[100];
        const int n = snprintf(item, sizeof item, "  --%s %s%s", s->option, value,
                               strcmp(value, said) != 0 ? " (changed)" : "");
        if (used + (size_t)n > WIDTH) {
            reel_say("%s", line);
            used = 0;
        }
        used += (size_t)snprintf(line + used, sizeof line - used, "%s", item);
    }
    if (used)
        reel_say("%s", line);
    warn_of_batch(recipe, options);
}

void reel_recipe_warn_of_few(const char *name, int64_t images)
{
    const reel_recipe *recipe = reel_recipe_find(name);
    if (images < recipe->least)
        reel_say("warning: recipe %s was made for ImageNet's 1,281,167 images; with %" PRId64
                 " the loss may stay at ln(classes) or grow: --recipe quick suits such a set",
                 name, images);
}
