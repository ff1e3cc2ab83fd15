/* What `reel train` prints when a run starts and when it ends. */
#ifndef REEL_TRAIN_TALK_H
#define REEL_TRAIN_TALK_H

#include "train/cli/options.h"
#include "train/run/loop.h"

/* On stderr, unless the run is quiet. resumed_from: the checkpoint, or NULL. */
void reel_train_say_start(reel_loop *loop, const reel_options *options, const char *resumed_from);

/* The result on stdout, as one JSON object with --json; returns the exit code. unsaved: why a part
 * of it could not be written (reel_loop_is_unsaved), or NULL. */
int reel_train_report(const char *command, const reel_loop *loop, const reel_error *unsaved);

/* After a run that ended for its unreadable images: how to continue it, if it has a checkpoint. */
void reel_train_say_after_bad(const char *command, const reel_loop *loop);

#endif
