/* `reel train --find-lr`: runs the test, says what it found and writes it down. */
#ifndef REEL_TRAIN_TRAIN_FIND_LR_H
#define REEL_TRAIN_TRAIN_FIND_LR_H

#include "train/cli/options.h"
#include "train/run/loop.h"

/* Options that contradict each other or cannot work. */
reel_status reel_train_find_lr_check(const reel_options *options, reel_error *err);
/* From settings to the files find_lr.json and find_lr.html in the output folder; nothing else of it
 * is touched. Returns the exit code. */
int reel_train_find_lr(const char *command, const char *data, const reel_settings *settings,
                       const reel_options *options);

#endif
