/* `--batch-size auto`: becomes a number before the run begins. */
#ifndef REEL_TRAIN_TRAIN_BATCH_H
#define REEL_TRAIN_TRAIN_BATCH_H

#include "train/cli/options.h"
#include "train/run/settings.h"

/* Options with which "auto" makes no sense. */
reel_status reel_train_batch_check(const reel_options *options, reel_error *err);
/* Where settings->batch_size is 0 ("auto"): chooses, says why, and puts the number into settings
 * and options. A run that is resumed keeps the number in `stored`, its config.json (NULL: a new
 * run). *note: for config.json, under "batch_size_choice"; NULL = nothing was chosen; to be freed.
 * Returns the exit code. */
int reel_train_settle_batch(const char *command, const char *data, reel_settings *settings,
                            reel_options *options, const json_t *stored, json_t **note);

/* settings->batch_size, which another rank has chosen, where "auto" was typed. */
int reel_train_take_batch(const char *command, reel_settings *settings, reel_options *options);

#endif
