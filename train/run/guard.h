/* The guard against NaN and infinity. It acts before the update: no weight has seen them. */
#ifndef REEL_TRAIN_GUARD_H
#define REEL_TRAIN_GUARD_H

#include "train/run/trainer.h"

/* Both return REEL_ERR_NONFINITE and say step, figure and samples. param: whose gradient it is. */
reel_status reel_guard_loss(const reel_trainer *t, const reel_batch *b, double loss,
                            reel_error *err);
reel_status reel_guard_gradient(const reel_trainer *t, const reel_batch *b, int param,
                                reel_error *err);

/* What to do about `why`, with the state as it was before the step of `group` batches: the first
 * layer that went bad is looked for, then the run ends (REEL_ERR_NONFINITE), leaves the step out,
 * or returns to the last checkpoint with a lower learning rate (t->rolled_back). Both of the latter
 * end the run, too, when they do not help. */
reel_status reel_guard_act(reel_trainer *t, int64_t group, const reel_error *why, reel_error *err);

/* For tests: the environment's REEL_TEST_NAN=STEP[+][:PARAM[:TIMES]] puts a NaN into the gradient
 * of PARAM at that step (+: and at those after it), so many times in a process. */
void reel_guard_plant(reel_trainer *t);

#endif
