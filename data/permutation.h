/* The order of an epoch: numbers shuffled by a generator. */
#ifndef REEL_DATA_PERMUTATION_H
#define REEL_DATA_PERMUTATION_H

#include "core/rng.h"

/* order receives 0 to n - 1, shuffled by the generator; or by (seed, epoch). */
void reel_shuffle(int64_t *order, int64_t n, reel_rng *rng);
void reel_permutation(int64_t *order, int64_t n, uint64_t seed, uint32_t epoch);

#endif
