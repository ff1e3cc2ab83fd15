/* Optimizers turn gradients into new values. They see a parameter store (core/params.h) and a
 * learning rate, and nothing of layers, tapes or data.
 *
 *     reel_optimizer_config config = reel_optimizer_config_default(reel_optimizer_find("adamw"));
 *     REEL_TRY(reel_optimizer_config_set(&config, "weight-decay", "0.05", err));
 *     REEL_TRY(reel_optimizer_create(&opt, reel_net_params(net), ctx, &config, err));
 *     ...
 *     REEL_TRY(reel_optimizer_step(opt, 1e-3, err));   after each backward
 *     reel_optimizer_destroy(opt);
 *
 * What an optimizer does is a reel_optimizer_kind: a constant table that a file optim/NAME.c, or
 * the program that uses the library, fills in (third part of this header). */
#ifndef REEL_OPTIM_OPTIM_H
#define REEL_OPTIM_OPTIM_H

#include "core/ctx.h"
#include "core/params.h"
#include "optim/options.h"
#include "optim/share.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. Using an optimizer ---- */

typedef struct reel_optimizer reel_optimizer;
typedef struct reel_optimizer_kind reel_optimizer_kind;

/* The optimizers of the library, in alphabetical order; NULL where no optimizer has this name. */
REEL_API int reel_optimizer_kind_count(void);
REEL_API const reel_optimizer_kind *reel_optimizer_kind_at(int index);
REEL_API const reel_optimizer_kind *reel_optimizer_find(const char *name);

/* A kind and the values of its options. A plain struct: copied by assignment, owns nothing. */
typedef struct reel_optimizer_config {
    const reel_optimizer_kind *kind;
    reel_optim_values values;
} reel_optimizer_config;

/* The kind's defaults. kind may be NULL, as reel_optimizer_find returns it: create then fails. */
REEL_API reel_optimizer_config reel_optimizer_config_default(const reel_optimizer_kind *kind);
/* Sets an option by name. REEL_ERR_INVALID: the kind has no such option, or the text is not of its
 * type. */
REEL_API reel_status reel_optimizer_config_set(reel_optimizer_config *config, const char *name,
                                               const char *text, reel_error *err);
/* What reel_optimizer_create checks: ranges, and options that do not go together. REEL_ERR_INVALID,
 * with a message that begins with the option's name. */
REEL_API reel_status reel_optimizer_config_check(const reel_optimizer_config *config,
                                                 reel_error *err);
/* Bytes of state for a store whose flat array takes `flat_bytes`; pages of parameters that never
 * move are reserved, but take no memory. */
REEL_API size_t reel_optimizer_config_bytes(const reel_optimizer_config *config, size_t flat_bytes);

/* Makes an optimizer for one committed store. The optimizer borrows params and ctx, which must
 * outlive it, and copies config. *out is NULL on failure. REEL_ERR_INVALID: settings that cannot
 * work, a kind without an update for the store's dtype. REEL_ERR_MEMORY. */
REEL_API reel_status reel_optimizer_create(reel_optimizer **out, reel_params *params,
                                           const reel_ctx *ctx, const reel_optimizer_config *config,
                                           reel_error *err);
REEL_API void reel_optimizer_destroy(reel_optimizer *opt); /* NULL is fine */
REEL_API const reel_optimizer_config *reel_optimizer_config_of(const reel_optimizer *opt);

/* Stochastic gradient descent with typed options; the same as reel_optimizer_create with kind
 * "sgd". PyTorch's rule:  d = g + weight_decay w;  v = momentum v + (1 - dampening) d, at first v =
 * d; w -= lr v, with nesterov w -= lr (d + momentum v). lr_in_velocity:  v = momentum v - lr d;  w
 * += v  (Krizhevsky et al. 2012, section 5). The two rules differ right after a change of lr.
 * Defaults are all 0, also where config is NULL: plain w -= lr g. */
typedef struct reel_sgd_config {
    double momentum, dampening, weight_decay;
    bool nesterov;       /* needs momentum > 0 and dampening 0 */
    bool lr_in_velocity; /* neither Nesterov nor dampening */
} reel_sgd_config;
REEL_API reel_status reel_sgd_create(reel_optimizer **out, reel_params *params, const reel_ctx *ctx,
                                     const reel_sgd_config *config, reel_error *err);

/* A parameter group: every parameter whose name matches pattern (* any run, ? one character) and
 * that no later group claims. A multiplier of 1 changes nothing; frozen sets or clears
 * REEL_PARAM_FROZEN. REEL_ERR_INVALID: no parameter matches, or a multiplier below 0. */
typedef struct reel_group {
    const char *pattern;
    double lr_mult, decay_mult;
    bool frozen;
} reel_group;
REEL_API reel_status reel_optimizer_group(reel_optimizer *opt, const reel_group *group,
                                          reel_error *err);
/* Sets REEL_PARAM_FROZEN of every parameter whose name matches, as a frozen group does: what a plan
 * of memory needs before there is an optimizer. REEL_ERR_INVALID: no parameter matches. */
REEL_API reel_status reel_params_freeze(reel_params *params, const char *pattern, reel_error *err);
/* Parameters with one of these flags (REEL_PARAM_BIAS, REEL_PARAM_NORM) get this weight decay in
 * place of the option "weight-decay"; multipliers of groups still apply. A later call wins.
 * REEL_ERR_INVALID: a decay below 0, a kind without that option, or one that never decays such
 * parameters. */
REEL_API reel_status reel_optimizer_set_weight_decay(reel_optimizer *opt, unsigned flags,
                                                     double weight_decay, reel_error *err);

/* One update with the given learning rate, in one pass over memory. Parameters without a gradient,
 * frozen ones and buffers keep value and state, as in PyTorch. Gradients are kept: call
 * reel_params_zero_grad before the next accumulation. REEL_ERR_INVALID: lr below 0 or not finite.
 * The bits do not depend on the number of threads. */
REEL_API reel_status reel_optimizer_step(reel_optimizer *opt, double lr, reel_error *err);

/* From here on this optimizer's steps move the elements of this share only (optim/share.h); NULL:
 * all. Every rank counts the updates of all parameters. State outside the share is neither written
 * nor put back: pages of it take no memory. The share is copied; its user is borrowed. Its add_up
 * is called in steps of a kind that uses norms, once a step, and a failure of it changes nothing;
 * for other kinds it may be NULL. REEL_ERR_INVALID: begin or end is no cut. */
REEL_API reel_status reel_optimizer_set_share(reel_optimizer *opt, const reel_optim_share *share,
                                              reel_error *err);
/* Keeps a state in `array`, parallel to the store's flat arrays: memory that several ranks share,
 * zeroed or with the same contents. The share's part of the present state is copied there; the own
 * memory is given back. array stays the caller's and must outlive the optimizer. REEL_ERR_INVALID:
 * the settings use no such array; the count of steps is none. */
REEL_API reel_status reel_optimizer_place_state(reel_optimizer *opt, int state, void *array,
                                                reel_error *err);

/* What a checkpoint holds besides the weights: for each state of the kind and each parameter one
 * tensor, stored as STATE.PARAMETER ("momentum.features.0.weight"). A kind that counts its steps
 * has one state more, the last: "step", one float64 number for each parameter. */
REEL_API int reel_optimizer_state_count(const reel_optimizer *opt);
REEL_API const char *reel_optimizer_state_name(const reel_optimizer *opt, int state);
/* A view of one state of one parameter. data is NULL if none has formed yet, or if the settings use
 * no such state. Valid until the next call that changes the optimizer. With a share, elements of
 * other ranks are current only where reel_optimizer_place_state gave memory that these ranks write.
 */
REEL_API reel_tensor reel_optimizer_state(const reel_optimizer *opt, int state, int param);
/* Puts a stored state back: same shape, any layout and dtype; with a share, its elements only.
 * Every state of a parameter must be put back, or none (reel_optimizer_forget). REEL_ERR_INVALID:
 * another shape, a buffer, a state that the settings do not use, a step that is no whole number
 * from 1. */
REEL_API reel_status reel_optimizer_set_state(reel_optimizer *opt, int state, int param,
                                              const reel_tensor *values, reel_error *err);
/* Returns one parameter's state to what it was before the first step; with a share, its elements.
 */
REEL_API void reel_optimizer_forget(reel_optimizer *opt, int param);

/* ---- 2. Gradients before the step (engine/clip.c, engine/finite.c) ---- */

/* The total L2 norm of the gradients of all parameters that a step would move. The bits do not
 * depend on the number of threads. */
REEL_API double reel_grad_norm(const reel_params *params, const reel_ctx *ctx);
/* Multiplies the gradients by max_norm / (norm + 1e-6) where the norm exceeds max_norm > 0, as
 * PyTorch does, and returns the norm before. A norm that is not finite changes nothing: the caller
 * stops before the step. */
REEL_API double reel_clip_grad_norm(reel_params *params, const reel_ctx *ctx, double max_norm);
/* Clamps every gradient to -max_abs..max_abs; NaN stays NaN. */
REEL_API void reel_clip_grad_value(reel_params *params, const reel_ctx *ctx, double max_abs);

/* Index of the first parameter whose gradient holds NaN or infinity; -1 = none. Parameters that a
 * step would move are looked at, from the last to the first: backward fills them in that order, so
 * the first found is nearest to where the NaN began. */
REEL_API int reel_grad_not_finite(const reel_params *params, const reel_ctx *ctx);
/* The same for values and states, of all parameters and buffers, from the first to the last. With a
 * share, of its elements. */
REEL_API int reel_optimizer_not_finite(const reel_optimizer *opt);

/* The same for ranks of which each holds the gradients of its share (optim/share.h): all ranks get
 * the answer that one process gets, in the same bits, and clipping scales the share's elements.
 * share->add_up is called once. NULL is a share of everything. Whether the state is finite is asked
 * about the optimizer's own share. REEL_ERR_INVALID: begin or end is no cut, no add_up.
 * REEL_ERR_MEMORY, and what add_up reports. */
REEL_API reel_status reel_grad_norm_shared(const reel_params *params, const reel_ctx *ctx,
                                           const reel_optim_share *share, double *norm,
                                           reel_error *err);
REEL_API reel_status reel_clip_grad_norm_shared(reel_params *params, const reel_ctx *ctx,
                                                double max_norm, const reel_optim_share *share,
                                                double *norm, reel_error *err);
REEL_API reel_status reel_grad_not_finite_shared(const reel_params *params, const reel_ctx *ctx,
                                                 const reel_optim_share *share, int *index,
                                                 reel_error *err);
/* Euclidean norms of each parameter's gradient and value: gradients[i] and weights[i] of parameter
 * number i, 0 for those that a step does not move. Both arrays hold reel_params_count numbers. */
REEL_API reel_status reel_param_norms_shared(const reel_params *params, const reel_ctx *ctx,
                                             const reel_optim_share *share, double *gradients,
                                             double *weights, reel_error *err);
REEL_API reel_status reel_optimizer_not_finite_shared(const reel_optimizer *opt, int *index,
                                                      reel_error *err);

/* ---- 3. Adding an optimizer: one file optim/NAME.c, or a table of your own handed to create ----
 */

enum { REEL_OPTIMIZER_STATES = 4 }; /* most states of a kind */

/* What one call of an update works on: a contiguous part of one parameter. Elements are independent
 * of each other, so that the bits do not depend on how parameters are cut into parts. */
typedef struct reel_update {
    int64_t n;
    void *w;                            /* values, n of the store's dtype, updated in place */
    const void *g;                      /* gradients; no weight decay is in them yet */
    void *state[REEL_OPTIMIZER_STATES]; /* parallel to w; NULL where the settings use none */
    const reel_optim_values *values;    /* of the kind's options, in the order of their rows */
    double lr;                          /* of this step, with the group's multiplier */
    double decay_mult; /* multiplies the kind's weight decay; 0 for parameters that do not decay */
    int64_t step;      /* which update of this parameter this is; the first is 1 */
    unsigned flags;    /* of the parameter: REEL_PARAM_BIAS, ... (core/params.h) */
    double weight_norm,
        grad_norm; /* L2 over the whole parameter; only if the kind asks for norms */
} reel_update;
typedef void reel_update_fn(const reel_update *u);

struct reel_optimizer_kind {
    const char *name;  /* of --opt: letters, digits, underscores */
    const char *about; /* one line for help texts */
    double lr;         /* a usual learning rate: what --lr is where nobody says */
    const reel_optim_option *options;
    int n_options;
    /* Arrays of one number for each weight, in the store's dtype; the list ends at the first
     * without a name. A state begins as `initial` everywhere at the parameter's first update. */
    struct {
        const char *name; /* PyTorch's, where it has one: "exp_avg" */
        double initial;
    } states[REEL_OPTIMIZER_STATES];
    bool
        counts_steps; /* the update depends on u->step beyond the first: checkpoints must hold it */
    bool uses_norms;  /* fill in weight_norm and grad_norm: one more pass over memory */
    /* Parameters with one of these flags never have a weight decay: REEL_PARAM_BIAS, ... */
    unsigned no_decay;
    /* Options that do not go together: REEL_ERR_INVALID, with a message that begins with the
     * option's name. Ranges are checked before. NULL: ranges are enough. */
    reel_status (*check)(const reel_optim_values *values, reel_error *err);
    /* Whether these settings use a state at all; NULL: every state is used. */
    bool (*uses_state)(const reel_optim_values *values, int state);
    reel_update_fn *update[REEL_DTYPES]; /* NULL: not for stores of this dtype */
};

#ifdef __cplusplus
}
#endif
#endif
