/* The page of a learning rate range test. */
#ifndef REEL_TRAIN_FIND_LR_PAGE_H
#define REEL_TRAIN_FIND_LR_PAGE_H

#include "train/run/find_lr.h"

/* Writes `path`, whole or not at all: the loss over the learning rate, and the proposal. command:
 * what trains with it, to be shown; NULL = nothing is proposed. */
reel_status reel_find_lr_page(const reel_find_lr *f, const char *data, const char *command,
                              const char *path, reel_error *err);

#endif
