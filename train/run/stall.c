/* Recognising the plateau. What the net looks like there: plateau.c. */
#include "train/run/stall.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { FIRST_LENGTH = 200, GROWTH = 5 };

reel_verdict reel_stall_watch(reel_stall *stall, double loss, const reel_guess *guess, double *mean)
{
    reel_verdict v = {.action = REEL_GO_ON};
    if (stall->length == 0)
        stall->length = FIRST_LENGTH;
    stall->sum += loss;
    if (++stall->n < stall->length)
        return v;

    *mean = stall->sum / (double)stall->n;
    const bool stands = guess->loss > 0 && fabs(*mean - guess->loss) <= 0.01 * guess->loss;
    if (stands)
        snprintf(v.reason, sizeof v.reason,
                 "the mean loss of the last %" PRId64
                 " steps is %.4f, and %.4f is what guessing among %" PRId64
                 " classes gives: the run stands on a plateau",
                 stall->n, *mean, guess->loss, guess->classes);

    /* A run that stays there is told less and less often. */
    stall->length = stands ? stall->length * GROWTH : FIRST_LENGTH;
    stall->sum = 0;
    stall->n = 0;
    return v;
}
