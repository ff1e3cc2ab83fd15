/* The gradient of a training step: the pieces of a batch through the net and back, and what each
 * of them has to say. */
#ifndef REEL_TRAIN_SESSION_GRADIENT_H
#define REEL_TRAIN_SESSION_GRADIENT_H

#include "train/run/session.h"

/* What became of one piece. */
typedef struct reel_piece_result {
    double loss;      /* mean over its images */
    int64_t right, n; /* images recognised; images */
} reel_piece_result;

typedef struct reel_step_seconds {
    double forward, backward;
} reel_step_seconds;

/* Yields the images of the pieces that come next: all of this process, or one piece in turn. */
typedef reel_status reel_next_images(void *user, reel_batch *batch, reel_error *err);

typedef struct reel_gradient_job {
    reel_next_images *next;
    void *user;                 /* for next */
    reel_piece_result *results; /* one for each piece of this process, in order */
    reel_batch batch;           /* receives the images at hand, for messages */
    int64_t done;               /* how many results are filled in */
    reel_step_seconds seconds;  /* adds up */
} reel_gradient_job;

/* Gradients of a batch, added up over the pieces of this process, each scaled by 1 / pieces of the
 * whole batch. Mixes the images. REEL_ERR_NONFINITE: the loss of the last piece that is done is
 * NaN, infinite or absurd; backward would spread it through every gradient and hide the layer where
 * it began. */
reel_status reel_session_gradient(reel_session *s, reel_gradient_job *job, reel_error *err);

#endif
