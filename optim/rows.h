/* Rows of options that several optimizers have. The program offers an option once for all
 * optimizers, so its row is the same everywhere but for the default. */
#ifndef REEL_OPTIM_ROWS_H
#define REEL_OPTIM_ROWS_H

#include "optim/optim.h"

#define MOMENTUM_OPTION(initial_)                                                                  \
    REEL_OPTIM_OPTION(REAL, .name = "momentum", .initial = (initial_), .most = 1,                  \
                      .help = "momentum of the gradient")
#define WEIGHT_DECAY_OPTION(initial_)                                                              \
    REEL_OPTIM_OPTION(REAL, .name = "weight-decay", .alias = "wd", .initial = (initial_),          \
                      .most = 1e6, .help = "weight decay")
#define EPS_OPTION                                                                                 \
    REEL_OPTIM_OPTION(REAL, .name = "eps", .initial = 1e-8, .most = 1, .rare = true,               \
                      .help = "added to the root, against division by 0")

/* A running mean with factor 1 never forgets its beginning, and momentum 1 never slows down: such
 * options must stay below 1, the end of their range. */
static inline reel_status value_below_one(double value, const char *name, reel_error *err)
{
    if (value == 1)
        return reel_fail(err, REEL_ERR_INVALID, "%s: expected less than 1, got 1", name);
    return REEL_OK;
}

#endif
