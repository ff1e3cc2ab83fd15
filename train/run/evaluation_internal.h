/* What evaluation.c and evaluation_share.c share: one batch through the net, and counting what came
 * out. Private to them. */
#ifndef REEL_TRAIN_EVALUATION_INTERNAL_H
#define REEL_TRAIN_EVALUATION_INTERNAL_H

#include "train/run/evaluation.h"

enum { REEL_UNREADABLE = -1 };

/* What the net said of one image. All of an evaluation but the loss follows from these. */
typedef struct reel_image_outcome {
    double probability; /* of the predicted class */
    double loss;        /* cross-entropy of the true class; 0 where it was predicted */
    int32_t predicted;
    int32_t rank; /* as reel_label_rank, at most INT32_MAX; REEL_UNREADABLE: the image counts as
                     bad */
} reel_image_outcome;

/* An evaluation in the making. */
typedef struct reel_evaluator {
    reel_evaluation *result;
    const reel_evaluate_config *config;
    const reel_dataset *dataset;
    reel_net *net;
    reel_tape *tape;
    int64_t total, batch; /* images; images of a batch */
    int64_t views;
    double loss_sum;
    int64_t *labels;              /* [batch]; -1 = leave out */
    float *averaged;              /* [batch][classes]; NULL with one view */
    reel_image_outcome *outcomes; /* [batch] */
} reel_evaluator;

/* Whom a loader tells of images that cannot be read, or not soon; see reel_loader_config. */
typedef struct reel_loader_watch {
    void (*on_bad)(void *user, int64_t index, const char *name, const char *reason);
    void (*on_slow)(void *user, int64_t index, const char *name, double seconds);
    void *user;
} reel_loader_watch;

/* The loader of so many batches from number `first` on; batches 0: all that follow. */
reel_status reel_evaluator_loader(reel_loader **out, const reel_evaluator *v, int64_t first,
                                  int64_t batches, const reel_loader_watch *watch, reel_error *err);
/* The batch whose first image has this index: outcomes [b->n], and the sum of the losses. */
reel_status reel_evaluator_batch(reel_evaluator *v, const reel_batch *b, int64_t first,
                                 reel_image_outcome *outcomes, double *loss, reel_error *err);
/* Counts a batch. All batches are counted in the order of the dataset: sums of doubles and the
 * choice among equal mistakes depend on it. */
void reel_evaluator_count(reel_evaluator *v, int64_t first, int64_t n,
                          const reel_image_outcome *outcomes, double loss);

/* The whole dataset by all ranks of config->comm; each ends with the whole result. `prepared`: this
 * rank's status so far, with its message in err; the other ranks learn of a failure here. */
reel_status reel_evaluate_shared(reel_evaluator *v, reel_status prepared, reel_error *err);

#endif
