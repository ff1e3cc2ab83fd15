/* The watch for a run that stands still at the loss of a guess: AlexNet's plateau at ln(classes).
 */
#ifndef REEL_TRAIN_STALL_H
#define REEL_TRAIN_STALL_H

#include "train/run/verdict.h"

#include <stdbool.h>
#include <stdint.h>

/* What the watch remembers: part of every checkpoint. */
typedef struct reel_stall {
    double sum;        /* of losses since the last judgement */
    int64_t n, length; /* steps since then, and until the next one; length 0 = not begun */
} reel_stall;

/* The loss of a guess, which is what a net reaches that looks at no image. */
typedef struct reel_guess {
    double loss; /* entropy of the labels */
    int64_t classes;
} reel_guess;

/* After each training step, with that step's loss. Recognises 200 steps (then 1000, 5000, ...)
 * whose mean loss lies within 1 % of the guess: the reason says so, and *mean is that loss. The
 * watch only speaks: its action is always GO_ON. */
reel_verdict reel_stall_watch(reel_stall *stall, double loss, const reel_guess *guess,
                              double *mean);

#endif
