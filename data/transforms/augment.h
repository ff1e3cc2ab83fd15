/* Auto-augmentation: policies that choose image operations at random, as torchvision's
 * transforms.autoaugment does.
 *
 * Choosing and applying are two steps: the choice is data that depends on the random numbers and
 * the size of the image alone. */
#ifndef REEL_DATA_TRANSFORMS_AUGMENT_H
#define REEL_DATA_TRANSFORMS_AUGMENT_H

#include "core/rng.h"
#include "data/bytes_internal.h"
#include "data/transforms/operations.h"
#include "data/transforms/transform.h"

enum {
    REEL_AUGMENT_CHAINS = 3, /* AugMix's mixture_width */
    REEL_AUGMENT_STEPS = 3   /* the most operations one after the other */
};

typedef struct reel_augment_step {
    reel_operation operation;
    double magnitude;
} reel_augment_step;

typedef struct reel_augment_chain {
    int n; /* steps */
    reel_augment_step step[REEL_AUGMENT_STEPS];
} reel_augment_chain;

/* What is done to one image. */
typedef struct reel_augment_choice {
    bool mixed; /* false: chain 0 is applied. True: own * image + sum of share[i] * chain i of it */
    reel_augment_chain chain[REEL_AUGMENT_CHAINS];
    float own, share[REEL_AUGMENT_CHAINS];
} reel_augment_choice;

/* The choice of t->auto_augment, which is not NULL, for images of this size in pixels. */
reel_augment_choice reel_augment_choose(const reel_transform *t, int64_t width, int64_t height,
                                        reel_rng *rng);

/* Applies it to rgb, (height, width, 3) bytes; memory is scratch. REEL_ERR_MEMORY. */
reel_status reel_augment_apply(const reel_augment_choice *choice, uint8_t *rgb, int64_t width,
                               int64_t height, reel_interpolation how, reel_buffer *memory,
                               reel_error *err);

#endif
