/* A recipe in force: its values become presets of the command's options. */
#ifndef REEL_TRAIN_RECIPE_H
#define REEL_TRAIN_RECIPE_H

#include "train/cli/options.h"

/* Presets what the recipe says; what the user typed stays. Its learning rate may depend on the
 * batch:
 * --batch-size times --accumulate. */
reel_status reel_recipe_apply(const char *name, reel_options *options, reel_error *err);

/* Prints the whole recipe on stderr; options that the user changed are marked. Says so where the
 * recipe has no rate for the batch. */
void reel_recipe_print(const char *name, const reel_options *options);
/* Says so where the recipe was made for far more training images. */
void reel_recipe_warn_of_few(const char *name, int64_t images);

#endif
