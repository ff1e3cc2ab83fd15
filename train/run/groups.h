/* Groups of parameters: biases and the last layer with a learning rate of their own, frozen layers.
 */
#ifndef REEL_TRAIN_GROUPS_H
#define REEL_TRAIN_GROUPS_H

#include "optim/optim.h"

typedef struct reel_groups {
    double bias_lr_mult, bias_decay_mult; /* 1 = as all parameters */
    double head_lr_mult;                  /* of the last layer */
    const char *freeze;                   /* patterns, separated by commas; NULL = none; borrowed */
    int64_t unfreeze_after;               /* epochs; 0 = never */
} reel_groups;

/* Sets the groups as they are in this epoch. REEL_ERR_INVALID: a pattern matches no parameter, or
 * nothing is left to train. */
reel_status reel_groups_apply(const reel_groups *g, reel_optimizer *opt, reel_params *params,
                              int64_t epoch, reel_error *err);
/* Freezes the parameters that the patterns match, as in reel_groups.freeze, and no others. The same
 * errors. */
reel_status reel_groups_freeze(const char *patterns, reel_params *params, reel_error *err);

/* Weight decay of normalization layers and of biases in place of the optimizer's; NAN = as all. The
 * bias of a normalization layer counts as a bias, as in torchvision. */
reel_status reel_groups_set_decays(reel_optimizer *opt, double norm, double bias, reel_error *err);

/* A pattern for the last layer: all parameters that share the last one's name up to its last dot
 * ("classifier.6.*"). Returns pattern. */
const char *reel_head_pattern(const reel_params *params, char *pattern, size_t size);

#endif
