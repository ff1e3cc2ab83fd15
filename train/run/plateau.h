/* A look at a net that stands on a plateau (stall.h): dead units, how far a step moves the weights.
 */
#ifndef REEL_TRAIN_PLATEAU_H
#define REEL_TRAIN_PLATEAU_H

#include "train/run/feed.h"
#include "train/run/journal.h"
#include "train/run/ranks.h"
#include "train/run/session.h"
#include "train/run/stall.h"

typedef struct reel_plateau {
    double mean, guess; /* losses: of the last steps, of a guess */
    double lr;
    bool other_init; /* the starting weights were not fitted to the images, but could be */
} reel_plateau;

/* The entropy of the training labels, with label smoothing that of the smoothed ones. */
reel_guess reel_plateau_guess(const reel_feed *feed, const reel_session *session);

/* Reports on stderr and in metrics.jsonl, layer by layer, and what to change. Right after a
 * step, while its gradients are there. An exchange: all ranks call it, and rank 0 reports. ranks:
 * NULL = one process. A look that fails on one rank is left out of the report; REEL_ERR_IO: a rank
 * is lost. */
reel_status reel_plateau_tell(const reel_plateau *plateau, reel_session *session,
                              const reel_feed *feed, reel_ranks *ranks, reel_journal *journal,
                              reel_error *err);

#endif
