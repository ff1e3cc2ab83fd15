/* Recipes: published ways to train AlexNet, as presets of the options of `reel train`. */
#ifndef REEL_TRAIN_RECIPE_H
#define REEL_TRAIN_RECIPE_H

#include "layers/net.h"
#include "train/cli/options.h"

#define REEL_RECIPE_NAMES "quick|torchvision|alexnet2012|caffe|finetune"

/* Presets what the recipe says; what the user typed stays. */
reel_status reel_recipe_apply(const char *name, reel_options *options, reel_error *err);
/* What the recipe says about an option; NULL = nothing. */
const char *reel_recipe_value(const char *name, const char *option);
/* Says on stderr, in full, what the recipe amounts to; options that the user changed are marked. */
void reel_recipe_print(const char *name, const reel_options *options);
/* What a recipe's initial weights have that no option expresses: for a fresh net. */
void reel_recipe_init(const char *name, reel_net *net);

#endif
