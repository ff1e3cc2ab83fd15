/* Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011).
 *
 * A number is a pure function of (seed, stream, epoch, sample, position): no state is carried from
 * step to step, so dropout and augmentation replay for any number of threads or workers, and a
 * checkpoint stores none. */
#ifndef REEL_CORE_RNG_H
#define REEL_CORE_RNG_H

#include "core/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Streams by name, so that no two uses share numbers. A layer's dropout takes REEL_STREAM_DROPOUT +
 * its index. */
typedef enum {
    REEL_STREAM_INIT = 1,    /* epoch: parameter index; sample: element */
    REEL_STREAM_SHUFFLE = 2, /* epoch: epoch */
    REEL_STREAM_AUGMENT = 3, /* epoch: epoch; sample: index in the dataset */
    REEL_STREAM_SPLIT = 4,
    REEL_STREAM_SYNTH = 5, /* epoch: class; sample: image */
    REEL_STREAM_CHECK = 6, /* gradient checks and tests */
    REEL_STREAM_BENCH = 7,
    REEL_STREAM_REPLACE = 8, /* choice of a substitute for a bad sample */
    REEL_STREAM_BLOCK = 9,   /* balanced classes: their order; epoch: epoch */
    REEL_STREAM_CLASS = 10,  /* balanced classes: order within one; epoch: class; sample: round */
    REEL_STREAM_PLACE = 11,  /* augmentation of samples that may repeat; sample: place in epoch */
    REEL_STREAM_REPLACE_PLACE = 12, /* their substitutes; the same */
    REEL_STREAM_MIX = 13,           /* Mixup and CutMix; epoch: epoch; sample: batch */
    REEL_STREAM_DROPOUT = 0x10000,  /* epoch: step; sample: block of elements */
    REEL_STREAM_USER = 0x20000
} reel_stream;

/* Four 32-bit words for a counter. */
REEL_API void reel_philox(uint32_t out[4], uint64_t seed, uint32_t stream, uint32_t epoch,
                          uint32_t sample, uint32_t block);

/* A cursor over the numbers of one (seed, stream, epoch, sample). A plain value: copy it freely;
 * one cursor belongs to one thread at a time. */
typedef struct reel_rng {
    uint64_t seed;
    uint32_t stream, epoch, sample, block;
    uint32_t words[4];
    int left;
} reel_rng;

REEL_API reel_rng reel_rng_at(uint64_t seed, uint32_t stream, uint32_t epoch, uint32_t sample);
REEL_API uint32_t reel_rng_u32(reel_rng *rng);
REEL_API double reel_rng_uniform(reel_rng *rng);                     /* [0, 1), 53 bits */
REEL_API double reel_rng_range(reel_rng *rng, double lo, double hi); /* [lo, hi) */
REEL_API double reel_rng_normal(reel_rng *rng); /* mean 0, deviation 1 (Box-Muller, cosine half) */
REEL_API uint64_t reel_rng_below(reel_rng *rng, uint64_t n); /* 0 .. n-1 without bias; n > 0 */

#ifdef __cplusplus
}
#endif
#endif
