/* Recipes: published ways to train AlexNet, as defaults of the options of `reel train`. */
#ifndef REEL_TRAIN_RECIPE_TABLE_H
#define REEL_TRAIN_RECIPE_TABLE_H

#include <stdint.h>

typedef struct reel_setting {
    const char *option, *value;
} reel_setting;

typedef struct reel_recipe {
    const char *name, *about;
    int64_t least;             /* training images below which it seldom learns; 0 = none */
    reel_setting settings[40]; /* ends at the first without an option */
} reel_recipe;

/* The name of the nth recipe; NULL = there are no more. */
const char *reel_recipe_word(int index);

/* NULL = unknown. */
const reel_recipe *reel_recipe_find(const char *name);

/* What a recipe says about an option; NULL = nothing. */
const char *reel_recipe_value(const char *name, const char *option);

#endif
