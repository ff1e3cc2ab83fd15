/* Options that several schedules have. The program offers an option once for all schedules, so its
 * row is the same everywhere. */
#ifndef REEL_OPTIM_SCHEDULES_FALLS_H
#define REEL_OPTIM_SCHEDULES_FALLS_H

#include "optim/schedule.h"

#define GAMMA_OPTION                                                                               \
    REEL_OPTIM_OPTION(REAL, .name = "lr-gamma", .initial = 0.1, .least = 1e-9, .most = 1,          \
                      .help = "factor of one fall")
#define MIN_OPTION                                                                                 \
    REEL_OPTIM_OPTION(REAL, .name = "lr-min", .initial = 0, .most = 1e6,                           \
                      .help = "lowest learning rate")

#endif
