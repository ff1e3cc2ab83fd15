/* A training session: exactly what a checkpoint stores, and the means to take a step.
 *
 * Between two steps a run is its parameters, their moving average, the optimizer's state,
 * reel_run_state and the schedule's state, and nothing else: random numbers are functions of (seed,
 * stream, epoch, sample). Saving these and restoring them gives the same bits as going on at once.
 */
#ifndef REEL_TRAIN_SESSION_H
#define REEL_TRAIN_SESSION_H

#include "core/ops.h"
#include "data/loader.h"
#include "layers/models.h"
#include "train/run/checkpoint.h"
#include "train/run/groups.h"
#include "train/run/mix.h"

typedef struct reel_session {
    reel_ctx *ctx;
    reel_net *net;
    reel_tape *tape; /* NULL until reel_session_ready */
    reel_optimizer *opt;
    reel_ema *ema; /* average of the weights; NULL without --model-ema */
    reel_schedule schedule;
    reel_model_card card;
    reel_run_state state;
    /* Settings of the run that every step needs. */
    reel_groups groups;
    double label_smoothing;
    double *class_weights; /* of the loss, one a class; NULL = all 1; owned */
    reel_mix_config mix;
    float *targets; /* [batch][classes] of the newest mixed batch; NULL without mixing; owned */
    reel_mix mixed; /* how that batch was mixed */
    int64_t batches_per_epoch;
} reel_session;

typedef struct reel_session_config {
    const reel_model *model;
    reel_model_config net;               /* with the number of classes */
    const reel_transform *preprocessing; /* of an evaluation, for the model card */
    int threads;
    uint64_t seed;
} reel_session_config;

/* Context, network without initial values (reel_net_init, or weights, must follow), and the model
 * card without class names. The session must be zero or closed before. */
reel_status reel_session_create(reel_session *s, const reel_session_config *config,
                                reel_error *err);
/* The optimizer, and the groups as they are in the first epoch. */
reel_status reel_session_optimize(reel_session *s, const reel_optimizer_config *config,
                                  reel_error *err);
/* The tape: after the initial weights were fitted, which takes a tape of its own. */
reel_status reel_session_ready(reel_session *s, reel_error *err);
void reel_session_close(reel_session *s);

/* The groups as they are in the current epoch: whether a layer is frozen depends on it. */
reel_status reel_session_tune(reel_session *s, reel_error *err);
double reel_session_lr(const reel_session *s); /* of the next step */

/* Turns on Mixup and CutMix, for batches of at most `batch` images; both alphas 0: turns them off.
 */
reel_status reel_session_mix_with(reel_session *s, const reel_mix_config *mix, int64_t batch,
                                  reel_error *err);
/* Mixes a training batch in place, as its place in the run says; nothing where mixing is off. Comes
 * before forward. */
void reel_session_mix(reel_session *s, const reel_batch *batch);
/* The class that image i counts as: of a mixed image the one with the largest share. */
int64_t reel_session_label(const reel_session *s, const reel_batch *batch, int64_t i);

/* Logits (n, classes) of a training batch. Masks of dropout follow the batch's place in the run. */
reel_var reel_session_forward(reel_session *s, const reel_batch *batch);
/* Mean training loss of logits, with label smoothing, class weights and mixed targets. */
reel_var reel_session_loss(const reel_session *s, reel_var logits, const reel_batch *batch);

/* The parts that a checkpoint holds; config, probe and rollback_every are the caller's to fill. */
reel_checkpoint reel_session_checkpoint(reel_session *s);

#endif
