/* A training session: exactly what a checkpoint stores, and the means to take a step.
 *
 * Between two steps a run is its parameters, their moving average, the optimizer's state,
 * reel_run_state and the schedule's state, and nothing else: random numbers are functions of (seed,
 * stream, epoch, sample). Saving these and restoring them gives the same bits as going on at once.
 */
#ifndef REEL_TRAIN_SESSION_H
#define REEL_TRAIN_SESSION_H

#include "core/comm/parallel.h"
#include "core/ops.h"
#include "core/piece_sum.h"
#include "core/statistics.h"
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
    float *targets;  /* [batch][classes] of the newest mixed batch; NULL without mixing; owned */
    reel_mix *mixed; /* how each piece of that batch was mixed; owned */
    int64_t batches_per_epoch;
    /* The pieces of a batch (core/pieces.h). */
    int64_t pieces;              /* of a whole batch */
    reel_pieces own;             /* those that this process computes */
    bool in_turn;                /* each by itself, for less memory; else together */
    reel_pieces held;            /* those whose images a batch holds, counted from own.first */
    reel_piece_sum *sum;         /* NULL where they come together */
    reel_statistics *statistics; /* NULL with one piece: running averages move at once */
    reel_parallel *parallel;     /* where gradients go with several ranks; borrowed; NULL = alone */
    bool overlaps;               /* the exchange with other hosts runs behind computing */
} reel_session;

typedef struct reel_session_config {
    const reel_model *model;
    reel_model_config net;               /* with the number of classes */
    const reel_transform *preprocessing; /* of an evaluation, for the model card */
    int threads;
    const char *isa; /* NULL = as reel_ctx_config has it */
    reel_precision precision;
    bool widen_bf16;
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

/* Divides a batch into pieces, of which this process computes `own`, in turn or together. One piece
 * until then. Training batches below are what a feed of the same division yields. */
reel_status reel_session_divide(reel_session *s, int64_t pieces, reel_pieces own, bool in_turn,
                                reel_error *err);

/* Turns on Mixup and CutMix, for batches of at most `batch` images; both alphas 0: turns them off.
 * The division comes before. */
reel_status reel_session_mix_with(reel_session *s, const reel_mix_config *mix, int64_t batch,
                                  reel_error *err);
/* Mixes the pieces of a training batch in place, each by itself, as its place in the run says;
 * nothing where mixing is off. Comes before forward. */
void reel_session_mix(reel_session *s, const reel_batch *batch);
/* The class that image i counts as: of a mixed image the one with the largest share. */
int64_t reel_session_label(const reel_session *s, const reel_batch *batch, int64_t i);

/* Logits (rows, classes) of some pieces of a training batch; `part` counts from own.first. Masks of
 * dropout follow the images' place in the run. */
reel_var reel_session_forward(reel_session *s, const reel_batch *batch, reel_pieces part);
/* Mean training loss of the logits of one piece, with label smoothing, class weights and mixed
 * targets. */
reel_var reel_session_loss(const reel_session *s, reel_var logits, const reel_batch *batch,
                           int64_t piece);

/* The parts that a checkpoint holds; config, probe and rollback_every are the caller's to fill. */
reel_checkpoint reel_session_checkpoint(reel_session *s);

#endif
