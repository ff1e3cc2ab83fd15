/* The guard against divergence: NaN, infinity, or a loss beyond all sense. It acts before the
 * update: no weight has seen them. */
#ifndef REEL_TRAIN_GUARD_H
#define REEL_TRAIN_GUARD_H

#include "train/run/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { REEL_ON_NAN_STOP, REEL_ON_NAN_SKIP, REEL_ON_NAN_ROLLBACK } reel_on_nan;

enum { REEL_MOST_SKIPPED = 10, REEL_MOST_ROLLBACKS = 5 };
#define REEL_ROLLBACK_FACTOR 0.25 /* of the learning rate, for each rollback */

/* A loss above this counts as diverged. Guessing among n classes costs ln(n), 14 for a million of
 * them; runs that recover peak at some thousands. At 1e6 logits differ by so much that float32
 * rounds them to sixteenths: softmax is 0 or 1, and no gradient leads back. */
#define REEL_DIVERGED_LOSS 1e6

/* Is the loss NaN, infinite or above REEL_DIVERGED_LOSS? */
bool reel_loss_is_diverged(double loss);

/* A loss or a gradient that is not finite, or a diverged loss, and what is known about it. */
typedef struct reel_incident {
    int64_t step;      /* the one that was not made */
    char what[300];    /* "loss", "gradient of features.0.weight" */
    double value;      /* NaN, infinity, or a loss that is too high */
    char samples[500]; /* "a.jpg, b.jpg and 30 more" */
    char origin[400];  /* where it began (trace.h) */
    bool lost;         /* the weights themselves are not finite: another batch would not help */
} reel_incident;

/* What the run has been through: part of every checkpoint. */
typedef struct reel_guard_past {
    int64_t skipped;   /* training steps in a row that were left out */
    int64_t rollbacks; /* so far */
    double lr_scale;   /* of the schedule's learning rate; 1 = no rollback yet */
} reel_guard_past;

/* SKIP and ROLL_BACK where on_nan asks for them and they can still help, else STOP. The reason
 * names step, figure, origin and samples. */
reel_verdict reel_guard_judge(reel_on_nan on_nan, const reel_incident *incident,
                              const reel_guard_past *past);

/* The loss with four decimals; from 1e5 on as a power of ten. Returns text. */
const char *reel_loss_text(double loss, char *text, size_t size);

/* printf shows the sign of a NaN, which means nothing: this one has none. */
double reel_without_sign(double value);

#endif
