/* Epochs in which every class comes equally often. */
#ifndef REEL_DATA_BALANCE_H
#define REEL_DATA_BALANCE_H

#include "core/rng.h"
#include "data/dataset.h"

/* The order of balanced epochs, by (seed, epoch). reel_balance_epoch keeps permutations for its
 * next call: one thread at a time. The other calls may come at any time from any thread. */
typedef struct reel_balance reel_balance;

/* Reads the dataset's labels once; the dataset may go. REEL_ERR_MEMORY. */
reel_status reel_balance_create(reel_balance **out, const reel_dataset *dataset, reel_error *err);
void reel_balance_destroy(reel_balance *balance);

/* order receives the n samples of an epoch. All epochs of a run must have the same n. */
void reel_balance_epoch(reel_balance *balance, int64_t *order, int64_t n, uint64_t seed,
                        uint32_t epoch);
/* Any sample of the class; and how many samples the class has. */
int64_t reel_balance_substitute(const reel_balance *balance, int64_t label, reel_rng *rng);
int64_t reel_balance_class_count(const reel_balance *balance, int64_t label);

#endif
