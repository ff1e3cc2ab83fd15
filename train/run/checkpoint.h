/* Checkpoints: checkpoint-NNNNNNNN.safetensors (N = step) holds weights, the optimizer's state
 * as tensors named STATE.PARAMETER ("momentum.features.0.weight") and, in its metadata, where the
 * run stands. No generator state is needed: random numbers are functions of (seed, stream, epoch,
 * sample).
 *
 * model.safetensors (last) and best.safetensors hold weights and the model's card alone, and depend
 * on nothing but the weights, the step and the epoch: two runs that agree write the same bytes. */
#ifndef REEL_TRAIN_CHECKPOINT_H
#define REEL_TRAIN_CHECKPOINT_H

#include "optim/optim.h"
#include "train/run/model_card.h"
#include "train/run/run_dir.h"
#include "train/run/stall.h"

/* Where a run stands, between two steps. */
typedef struct reel_run_state {
    int64_t step;       /* updates so far */
    int64_t epoch;      /* the current one, from 0 */
    int64_t batch;      /* batches of it already used; all of them: its evaluation comes next */
    int64_t best_epoch; /* epochs that had been completed at the best evaluation; 0 = none yet */
    double best_top1, best_loss;
    double loss_sum; /* over the current epoch's images so far */
    int64_t right, seen;
    double train_seconds;
    double lr_scale;   /* of the schedule's rate, after rollbacks; 1 = none */
    int64_t rollbacks; /* so far */
    int64_t restored;  /* 1: a rollback went back to here, and no step was taken since */
    int64_t skipped;   /* steps in a row that were left out */
    reel_stall stall;
} reel_run_state;

reel_run_state reel_run_beginning(void); /* of a new run */

typedef struct reel_checkpoint {
    reel_params *params;
    reel_optimizer *opt;
    const reel_model_card *card;
    reel_schedule *schedule;
    reel_run_state *state;
    const json_t *config; /* what config.json holds; NULL when reading */
    const json_t *probe;  /* see train/run/probe.h; NULL = none */
    /* A rollback returns to checkpoints of steps that are multiples of this, which do not depend on
     * where a run was interrupted or asked to save. 0 = no rollbacks. */
    int64_t rollback_every;
} reel_checkpoint;

/* What reel_checkpoint_save takes on disk before it removes anything. */
size_t reel_checkpoint_bytes(const reel_checkpoint *c);
/* Looks whether there is room, writes the checkpoint and model.safetensors, then removes all but
 * the newest `keep` checkpoints, and those of later steps. With rollback_every, `keep` counts those
 * that a rollback returns to; of others this one alone stays. */
reel_status reel_checkpoint_save(const reel_checkpoint *c, const reel_run_dir *run, int64_t keep,
                                 reel_error *err);
/* Writes weights and card to name in the run's folder; epoch: how many had been completed. */
reel_status reel_checkpoint_save_model(const reel_checkpoint *c, const reel_run_dir *run,
                                       const char *name, int64_t epoch, reel_error *err);

bool reel_checkpoint_exists(const char *folder, int64_t step); /* a file of that name */

/* Which checkpoint of a folder: the newest one whose step is below `below` and a multiple of
 * `every`. */
typedef struct reel_checkpoint_query {
    const char *folder;
    int64_t below, every;
    void (*on_damaged)(const char *message); /* told of newer ones that are damaged; may be NULL */
} reel_checkpoint_query;
/* Finds the newest such checkpoint whose CRC-32s are right. *out NULL: there is none. An error
 * where all of them are damaged. path receives its name. */
reel_status reel_checkpoint_find(reel_weights **out, const reel_checkpoint_query *query, char *path,
                                 size_t size, reel_error *err);
/* Renames the checkpoints of later steps than this one, which were passed over, to NAME.damaged, so
 * that they do not count among those that are kept; returns how many. */
int64_t reel_checkpoint_set_aside(const char *folder, const char *path);
/* Reads one checkpoint file and verifies it. */
reel_status reel_checkpoint_open(reel_weights **out, const char *path, reel_error *err);
/* The stored configuration, to be freed; NULL if it cannot be read. */
json_t *reel_checkpoint_config(const reel_weights *weights);
/* Puts everything back. */
reel_status reel_checkpoint_restore(const reel_checkpoint *c, const reel_weights *weights,
                                    const char *path, reel_error *err);

#endif
