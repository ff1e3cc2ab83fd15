/* Where a run stands, between two steps. */
#ifndef REEL_TRAIN_RUN_STATE_H
#define REEL_TRAIN_RUN_STATE_H

#include "train/run/stall.h"

#include <jansson.h>

/* The best evaluation so far. */
typedef struct reel_best {
    int64_t epoch; /* epochs that had been completed; 0 = none yet */
    double top1, loss;
} reel_best;

typedef struct reel_run_state {
    int64_t step;       /* updates so far */
    int64_t epoch;      /* the current one, from 0 */
    int64_t batch;      /* batches of it already used; all of them: its evaluation comes next */
    int64_t best_epoch; /* epochs that had been completed at the best evaluation; 0 = none yet */
    double best_top1, best_loss;
    double loss_sum; /* over the current epoch's images so far */
    int64_t right, seen;
    double train_seconds;
    double lr_scale;     /* of the schedule's rate, after rollbacks; 1 = none */
    int64_t rollbacks;   /* so far */
    int64_t restored;    /* 1: a rollback went back to here, and no step was made since */
    int64_t skipped;     /* steps in a row that were left out */
    int64_t ema_updates; /* of the average of weights; 0: the next one copies the weights */
    reel_best best_ema;  /* evaluation of the average */
    int64_t pieces;      /* of a batch; 0: of a version that counted each batch of --accumulate */
    reel_stall stall;
} reel_run_state;

reel_run_state reel_run_beginning(void); /* of a new run */

/* As an object of JSON, to be freed; and back. False: this is not what Reel writes. Fields that an
 * earlier version did not know are as in a new run. */
json_t *reel_run_state_json(const reel_run_state *state);
bool reel_run_state_read(reel_run_state *state, const json_t *object);

/* A count of steps, images or epochs from a file; false where no run can have come so far. */
bool reel_read_count(int64_t *count, const json_t *value);

#endif
