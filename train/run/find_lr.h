/* The learning rate range test (Smith 2017, "Cyclical learning rates for training neural networks",
 * arXiv 1506.01186, section 3.3): a short training whose learning rate rises from step to step. The
 * loss first stands, then falls, then grows; the proposal follows from where it is lowest. */
#ifndef REEL_TRAIN_FIND_LR_H
#define REEL_TRAIN_FIND_LR_H

#include "train/run/loop.h"

typedef struct reel_find_lr_config {
    double from, to; /* learning rates, 0 < from < to */
    int64_t steps;   /* 0 = 100; on small data as many as 5 epochs have, but not under 20 */
} reel_find_lr_config;

typedef struct reel_find_lr {
    double from, to;
    int64_t steps, done; /* planned, made */
    int64_t images;      /* in a step */
    bool diverged;       /* ended early: the loss passed 4 times its lowest, or is not finite */
    double *rate, *loss, *smoothed; /* [done] */
    int64_t lowest, steepest;       /* steps: of the lowest smoothed loss, of its steepest fall */
    double early;    /* mean loss of the first fifth of the steps; NaN = not one more was made */
    double proposal; /* 0 = none: the lowest loss is not clearly below that mean */
} reel_find_lr;

/* Step i of n trains with from (to / from)^(i / (n - 1)). smoothed_i = m_i / (1 - b^(i + 1)) with
 * m_i = b m_(i-1) + (1 - b) loss_i, b = 0.8. The lowest smoothed loss is
 * looked for behind the first fifth of the steps, whose mean it must undercut by half a percent.
 * The proposal is a tenth of its rate, to two digits. loop: opened and made ready
 * (reel_loop_make_ready); its weights are spent. Free with reel_find_lr_free, also after an error.
 * REEL_ERR_STOPPED: a signal came. */
reel_status reel_find_lr_run(reel_find_lr *f, reel_loop *loop, const reel_find_lr_config *config,
                             reel_error *err);
void reel_find_lr_free(reel_find_lr *f);
json_t *reel_find_lr_json(const reel_find_lr *f);

/* What follows from losses, as reel_find_lr_run does it: smoothed, lowest, steepest, proposal of
 * the `done` steps, and whether the last one has diverged. */
void reel_find_lr_judge(reel_find_lr *f);

#endif
