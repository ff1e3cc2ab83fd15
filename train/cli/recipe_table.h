/* Recipes: published ways to train AlexNet, as defaults of the options of `reel train`. */
#ifndef REEL_TRAIN_RECIPE_TABLE_H
#define REEL_TRAIN_RECIPE_TABLE_H

#include <stdint.h>

typedef struct reel_setting {
    const char *option, *value;
} reel_setting;

/* A published rate for one batch size; between two of them a recipe takes the straight line. */
typedef struct reel_batch_rate {
    double images;        /* of an update */
    double lr;            /* when the warm-up has ended */
    double warmup_epochs; /* from warmup_lr */
    double warmup_lr;
} reel_batch_rate;

typedef struct reel_recipe {
    const char *name, *about;
    int64_t least;             /* training images below which it seldom learns; 0 = none */
    reel_setting settings[40]; /* ends at the first without an option */
    /* By rising images; the first row agrees with the settings. NULL: they hold for any batch. */
    const reel_batch_rate *rates;
    int n_rates;
} reel_recipe;

/* The name of the nth recipe; NULL = there are no more. */
const char *reel_recipe_word(int index);

/* NULL = unknown. */
const reel_recipe *reel_recipe_find(const char *name);

/* What a recipe says about an option, in its own batch size; NULL = nothing. */
const char *reel_recipe_value(const char *name, const char *option);

/* The recipe's rate for an update on so many images. Outside its rates: the nearest of them. */
reel_batch_rate reel_recipe_rate(const reel_recipe *recipe, double images);

#endif
