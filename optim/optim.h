/* Optimizers see a parameter store and nothing of layers or data: step(learning rate) turns
 * gradients into new values.
 *
 * One instance belongs to one store; its state arrays (momentum) lie parallel to it. Parameters
 * without a gradient, frozen ones and buffers are left alone, as in PyTorch. */
#ifndef REEL_OPTIM_OPTIM_H
#define REEL_OPTIM_OPTIM_H

#include "core/ctx.h"
#include "core/params.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_optimizer reel_optimizer;

typedef struct reel_sgd_config {
    double momentum, dampening, weight_decay;
    bool nesterov; /* needs momentum > 0 and dampening 0 */
    /* false: PyTorch. g += wd w; v = mu v + (1 - damp) g (first step: v = g); w -= lr v (Nesterov:
     * w -= lr (g + mu v)). true:  Krizhevsky et al. 2012. v = mu v - wd lr w - lr g; w += v. The
     * two differ right after a change of lr. Neither Nesterov nor dampening. */
    bool lr_in_velocity;
} reel_sgd_config;

REEL_API reel_status reel_sgd_create(reel_optimizer **out, reel_params *params, const reel_ctx *ctx,
                                     const reel_sgd_config *config, reel_error *err);
REEL_API void reel_optimizer_destroy(reel_optimizer *opt);

/* A parameter group: every parameter whose name matches pattern (* any run, ? one character) and
 * that no later group claims. A multiplier of 1 changes nothing; frozen sets or clears
 * REEL_PARAM_FROZEN. REEL_ERR_INVALID: no parameter matches. */
typedef struct reel_group {
    const char *pattern;
    double lr_mult, decay_mult;
    bool frozen;
} reel_group;
REEL_API reel_status reel_optimizer_group(reel_optimizer *opt, const reel_group *group,
                                          reel_error *err);

/* One update with the given learning rate, decay and momentum in one pass over memory. Gradients
 * are kept: call reel_params_zero_grad before the next accumulation. */
REEL_API reel_status reel_optimizer_step(reel_optimizer *opt, double lr, reel_error *err);

/* Momentum of one parameter for checkpoints (same shape; data NULL if none has formed yet), and
 * putting it back: any layout and dtype, data NULL forgets. REEL_ERR_INVALID: another shape, a
 * buffer, an optimizer without momentum. */
REEL_API reel_tensor reel_optimizer_state(const reel_optimizer *opt, int param);
REEL_API reel_status reel_optimizer_set_state(reel_optimizer *opt, int param,
                                              const reel_tensor *velocity, reel_error *err);

/* ---- gradient clipping; returns the total L2 norm before clipping (clip.c) ----
 * Norms are over the parameters that a step would move, and have the same bits for any number of
 * threads. Where the norm exceeds max_norm, gradients are multiplied by max_norm / (norm + 1e-6),
 * as PyTorch does; where it is not finite they are left as they are, for the caller to stop before
 * the step. */
REEL_API double reel_clip_grad_norm(reel_params *params, const reel_ctx *ctx, double max_norm);
REEL_API void reel_clip_grad_value(reel_params *params, const reel_ctx *ctx, double max_abs);
REEL_API double reel_grad_norm(const reel_params *params, const reel_ctx *ctx);

/* ---- NaN and infinity (finite.c); one pass over memory ----
 * The first place that holds one, as an index of the store; -1 = none. The parameters that a step
 * would move are looked at, from the last to the first: backward fills them in that order, so the
 * first found is nearest to where it began. */
REEL_API int reel_grad_not_finite(const reel_params *params, const reel_ctx *ctx);
/* The same for values and momentum, of all parameters and buffers, from the first to the last. */
REEL_API int reel_optimizer_not_finite(const reel_optimizer *opt);

/* ---- schedules: the learning rate as a pure function of progress, except reduce-on-plateau
 * (schedule.c) ---- */
typedef enum {
    REEL_SCHEDULE_CONSTANT,
    REEL_SCHEDULE_STEP,      /* lr gamma^floor(epoch / step_size) */
    REEL_SCHEDULE_MULTISTEP, /* lr gamma^(number of milestones <= epoch) */
    REEL_SCHEDULE_COSINE, /* min_lr + (lr - min_lr) (1 + cos(pi t)) / 2, t = progress after warm-up
                             in 0..1, per step */
    REEL_SCHEDULE_POLY,   /* lr (1 - t)^power, per step */
    REEL_SCHEDULE_PLATEAU /* lr gamma^(number of reductions), at least min_lr; see
                             reel_schedule_observe */
} reel_schedule_kind;

typedef struct reel_schedule {
    reel_schedule_kind kind;
    double lr, gamma, min_lr, power; /* gamma 0 = 0.1, power 0 = 1 */
    int64_t step_size;               /* epochs */
    int64_t milestones[16];          /* epochs */
    int n_milestones;
    /* Linear from lr * warmup_start, per step, in front of any schedule: epochs above are counted
     * from where it ends. */
    double warmup_epochs;
    double warmup_start; /* 0 = 0.01 */
    int64_t epochs, steps_per_epoch;
    /* plateau: reduce when the metric has not fallen below best (1 - threshold) for more than
     * patience observations */
    int64_t patience;
    double threshold;
    double best; /* state: kept in checkpoints; 0 = none yet */
    int64_t bad, reductions;
} reel_schedule;

REEL_API reel_status reel_schedule_check(const reel_schedule *s, reel_error *err);
REEL_API double reel_schedule_at(const reel_schedule *s,
                                 int64_t step); /* step counts from 0 over the whole run */
REEL_API void
reel_schedule_observe(reel_schedule *s,
                      double validation_loss); /* once an epoch; only PLATEAU changes */

#ifdef __cplusplus
}
#endif
#endif
