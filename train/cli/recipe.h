/* Recipes: published ways to train AlexNet, as presets of the options of `reel train`. */
#ifndef REEL_TRAIN_RECIPE_H
#define REEL_TRAIN_RECIPE_H

#include "train/cli/options.h"

/* The name of the nth recipe; NULL = there are no more. */
const char *reel_recipe_word(int index);

/* Presets what the recipe says; what the user typed stays. */
reel_status reel_recipe_apply(const char *name, reel_options *options, reel_error *err);

/* What the recipe says about an option; NULL = nothing. */
const char *reel_recipe_value(const char *name, const char *option);

/* Prints the whole recipe on stderr; options that the user changed are marked. */
void reel_recipe_print(const char *name, const reel_options *options);

#endif
