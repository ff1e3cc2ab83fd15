/* Divisors of a batch. */
#include "train/run/divide.h"

#include <inttypes.h>
#include <stdio.h>

/* The smallest number from `least` on that divides n; 0 = there is none. */
static int64_t divisor_from(int64_t n, int64_t least)
{
    for (int64_t d = least; d <= n; d++)
        if (n % d == 0)
            return d;
    return 0;
}

reel_status reel_check_pieces(int64_t batch, int64_t pieces, int64_t ranks, reel_error *err)
{
    const int64_t least = ranks > pieces ? ranks : pieces, fits = divisor_from(batch, least);
    char advice[120];
    if (batch % pieces == 0 && pieces >= ranks)
        return REEL_OK;

    /* A number far above the one that was meant would leave pieces of a few images: 523 is prime,
     * and 4 pieces are had by a batch of 520. */
    if (fits && fits <= 2 * least)
        snprintf(advice, sizeof advice, "--batch-pieces %" PRId64 " does", fits);
    else if (batch >= least)
        snprintf(advice, sizeof advice,
                 "--batch-size %" PRId64 " with --batch-pieces %" PRId64 " does",
                 batch - batch % least, least);
    else
        snprintf(advice, sizeof advice, "--batch-size %" PRId64 " or a multiple of it has them",
                 least);
    if (pieces < ranks)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--batch-pieces: expected at least %" PRId64
                         " (one a rank) and a divisor of the batch of %" PRId64
                         " images, got %" PRId64 ": %s",
                         ranks, batch, pieces, advice);
    return reel_fail(err, REEL_ERR_INVALID,
                     "--batch-pieces: expected a number that divides the batch of %" PRId64
                     " images, got %" PRId64 ": %s",
                     batch, pieces, advice);
}
