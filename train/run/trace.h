/* Finds where a training step went bad. */
#ifndef REEL_TRAIN_TRACE_H
#define REEL_TRAIN_TRACE_H

#include "train/run/feed.h"
#include "train/run/guard.h"
#include "train/run/ranks.h"
#include "train/run/session.h"

/* Names the first samples of the batch in which it happened, and counts the others: `images` in
 * all. */
void reel_trace_samples(reel_incident *incident, const reel_feed *feed, const reel_batch *batch,
                        int64_t images);

/* The gradient of parameter number `param` is not finite: fills what and value. An exchange: all
 * ranks call it, and get the first such value of all shares. ranks: NULL = one process. */
reel_status reel_trace_gradient(reel_incident *incident, const reel_session *session, int param,
                                const reel_ranks *ranks, reel_error *err);

/* Takes the step again, piece by piece and layer by layer, with the session as it was before it:
 * fills origin and lost. Leaves the gradients zero and nothing else changed. planted: see
 * plant.h. *found: whether the origin was found among the pieces of this process, or is known to
 * all because weights are lost. An exchange: all ranks call it. */
reel_status reel_trace_origin(reel_incident *incident, reel_session *session, const reel_feed *feed,
                              int64_t *planted, bool *found, reel_error *err);

#endif
