/* The options of a training run: which ones a resumed run was given differently. */
#ifndef REEL_TRAIN_TRAIN_OPTIONS_H
#define REEL_TRAIN_TRAIN_OPTIONS_H

#include "train/cli/options.h"

/* Warns, one line each, about options typed now that differ from `stored`, the options in a run's
 * config.json, and change the result (REEL_SCOPE_RUN). stored may be NULL. */
void reel_train_warn_of_changes(const reel_options *options, const json_t *stored);

/* Whether an option typed now asks for another network than the one in a checkpoint whose run was
 * told `stored` (may be NULL): fails with REEL_ERR_INVALID and a line that names the option. */
reel_status reel_train_check_network(const reel_options *options, const json_t *stored,
                                     reel_error *err);

#endif
