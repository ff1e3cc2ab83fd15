/* Loss and accuracy of a net on a dataset. */
#ifndef REEL_TRAIN_EVALUATION_H
#define REEL_TRAIN_EVALUATION_H

#include "core/comm/comm.h"
#include "data/loader.h"
#include "layers/net.h"
#include "train/run/calibration.h"

enum { REEL_WORST = 10 };

/* An image that was taken for another class. */
typedef struct reel_mistake {
    int64_t index, truth, predicted;
    double probability, loss; /* of the predicted class; cross-entropy of the true one */
} reel_mistake;

typedef struct reel_evaluation {
    int64_t images, bad; /* evaluated; left out because they cannot be read */
    double loss;         /* mean cross-entropy */
    double top1, top5;   /* shares */
    int64_t classes;
    int64_t *class_images; /* [classes]; owned */
    int64_t *class_right;  /* [classes], by top-1; owned */
    int64_t *confusion;    /* [truth][predicted]; owned */
    int64_t right1, right5;
    reel_calibration calibration;   /* of the predicted classes' probabilities */
    reel_mistake worst[REEL_WORST]; /* by probability, the largest first */
    int n_worst;
} reel_evaluation;

typedef struct reel_evaluate_config {
    const reel_transform *transform;
    int64_t batch;
    int workers;
    int prefetch;  /* batches of the loader; 0 = its default */
    bool in_turns; /* as reel_loader_config's */
    double max_bad;
    void (*on_bad)(void *user, int64_t index, const char *name, const char *reason);
    void (*on_slow)(void *user, int64_t index, const char *name,
                    double seconds); /* as reel_loader_config's */
    double slow_seconds;
    bool (*stop)(
        void *user); /* asked before each batch; true ends with REEL_ERR_STOPPED; may be NULL */
    void (*progress)(void *user, int64_t done, int64_t total); /* may be NULL */
    void *user;
    reel_comm *comm; /* NULL, or one rank: this process evaluates alone */
} reel_evaluate_config;

/* Where the transform gives ten views of an image, probabilities are averaged over them (Krizhevsky
 * et al. 2012, section 4.1), and the loss is that of the average. The tape must have the net's
 * dtype and be empty; it is left so. The net's mode is restored.
 *
 * With several ranks all of them call it, with the same net, dataset and config; each evaluates
 * consecutive batches, and all return the result of one process, to the bit:
 *
 * - on_bad is called on rank 0 only, in the order of one process: for its own images at once, for
 *   those of other ranks at the end. progress, too, is called on rank 0 only.
 * - on_slow is called on the rank whose image it is.
 * - An error of one rank ends all, with the status and the message of that rank. So does `stop`:
 *   the other ranks end after the batch that they are at. REEL_ERR_BAD_DATA comes with the message
 *   of one process. */
reel_status reel_evaluate(reel_evaluation *out, reel_net *net, reel_tape *tape,
                          const reel_dataset *dataset, const reel_evaluate_config *config,
                          reel_error *err);
void reel_evaluation_free(reel_evaluation *evaluation);

/* How many logits of the row stand before the label's: larger, or equal with a lower index.
 * INT64_MAX where one is not a number.
 */
int64_t reel_label_rank(const float *logits, int64_t classes, int64_t label);

/* Row i of out [n][classes]: the logarithm of the mean, over the views of image i, of the softmax
 * of their rows of logits [n * views][classes]; NaN where one of them is NaN or infinite. out may
 * be logits. */
void reel_average_views(float *out, const float *logits, int64_t n, int64_t views, int64_t classes);

#endif
