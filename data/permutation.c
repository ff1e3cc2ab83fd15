/* The order of an epoch: Fisher and Yates' shuffle (Knuth, vol. 2, algorithm P) with the numbers of
 * (seed, REEL_STREAM_SHUFFLE, epoch). A pure function of its arguments, so any epoch's order can be
 * had without those before it. */
#include "data/permutation.h"

void reel_shuffle(int64_t *order, int64_t n, reel_rng *rng)
{
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)reel_rng_below(rng, (uint64_t)i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

void reel_permutation(int64_t *order, int64_t n, uint64_t seed, uint32_t epoch)
{
    reel_rng rng = reel_rng_at(seed, REEL_STREAM_SHUFFLE, epoch, 0);
    reel_shuffle(order, n, &rng);
}
