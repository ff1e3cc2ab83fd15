/* Checkpoints: a safetensors file with weights, the optimizer's state as tensors named
 * STATE.PARAMETER ("momentum.features.0.weight"), the average of weights as ema.PARAMETER where
 * there is one, and, in its metadata, where the run stands. No
 * generator state is needed: random numbers are functions of (seed, stream, epoch, sample).
 *
 * Files of weights alone (model.safetensors, best.safetensors) hold the model's card besides, and
 * depend on nothing but the weights, the step and the epoch: two runs that agree write the same
 * bytes. */
#ifndef REEL_TRAIN_CHECKPOINT_H
#define REEL_TRAIN_CHECKPOINT_H

#include "optim/ema.h"
#include "optim/optim.h"
#include "optim/schedule.h"
#include "train/run/model_card.h"
#include "train/run/run_state.h"

/* The parts of a run that a checkpoint stores; borrowed. */
typedef struct reel_checkpoint {
    reel_params *params;
    reel_optimizer *opt;
    reel_ema *ema; /* NULL = none */
    const reel_model_card *card;
    reel_schedule *schedule;
    reel_run_state *state;
    const json_t *config; /* what config.json holds; NULL when reading */
    const json_t *probe;  /* see probe.h; NULL = none */
    /* A rollback returns to checkpoints of steps that are multiples of this, which do not depend on
     * where a run was interrupted or asked to save. 0 = no rollbacks. */
    int64_t rollback_every;
} reel_checkpoint;

/* Composes a checkpoint without writing it: fails where saving would, the disk aside. */
reel_status reel_checkpoint_check(const reel_checkpoint *c, reel_error *err);
/* Writes a checkpoint, or weights and card alone. epoch: how many had been completed. */
reel_status reel_checkpoint_write(const reel_checkpoint *c, const char *path, reel_error *err);
reel_status reel_checkpoint_write_model(const reel_checkpoint *c, const char *path, int64_t epoch,
                                        reel_error *err);
/* The moving average, as a file of weights. */
reel_status reel_checkpoint_write_average(const reel_checkpoint *c, const char *path, int64_t epoch,
                                          reel_error *err);
/* The number that a file of weights has for "step" or "epoch"; 0 = there is no valid file. */
int64_t reel_model_file_number(const char *path, const char *key);
/* What either file takes, about. */
size_t reel_checkpoint_bytes(const reel_checkpoint *c);
size_t reel_checkpoint_model_bytes(const reel_checkpoint *c);

/* Reads a checkpoint file and verifies it. REEL_ERR_FORMAT: damaged, or weights alone. */
reel_status reel_checkpoint_open(reel_weights **out, const char *path, reel_error *err);
/* The stored configuration, to be freed; NULL if it cannot be read. */
json_t *reel_checkpoint_config(const reel_weights *weights);
/* The identity of the run that a configuration belongs to; NULL: it was written before runs had
 * one. */
const char *reel_config_run_id(const json_t *config);
/* Did another run than `run_id` write it? false where either identity is not known. */
bool reel_checkpoint_is_of_other_run(const reel_weights *weights, const char *run_id);
/* Restores all parts but config and probe. path is for messages. */
reel_status reel_checkpoint_restore(const reel_checkpoint *c, const reel_weights *weights,
                                    const char *path, reel_error *err);

#endif
