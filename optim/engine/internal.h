/* For files in optim/engine/ only: what an optimizer holds, and loops over one gradient that are
 * compiled for float and for double. */
#ifndef REEL_OPTIM_ENGINE_INTERNAL_H
#define REEL_OPTIM_ENGINE_INTERNAL_H

#include "optim/optim.h"

/* One parameter's place in the optimizer. */
typedef struct reel_slot {
    double lr_mult, decay_mult;
    bool own_decay; /* weight_decay stands in place of the kind's option */
    double weight_decay;
    /* How many updates this parameter has had. A double, because a checkpoint stores it as a
     * tensor. 0: the parameter's state has never been written, and its memory reads as zero. */
    double updates;
    double weight_norm, grad_norm; /* of this step, if the kind asks for norms */
} reel_slot;

struct reel_optimizer {
    reel_params *params;
    const reel_ctx *ctx;
    reel_optimizer_config config;
    reel_slot *slots; /* [reel_params_count] */
    void *
        state[REEL_OPTIMIZER_STATES]; /* each parallel to the store's flat arrays; NULL: not used */
    size_t state_bytes;               /* of each */
};

/* States of a kind that are arrays: all but the count of steps. */
int reel_optimizer_arrays(const reel_optimizer_kind *kind);
/* The place of the option "weight-decay"; -1: the kind has none. */
int reel_optimizer_decay_row(const reel_optimizer_kind *kind);
bool reel_optimizer_uses(const reel_optimizer_config *config, int state);
/* Where one parameter's part of a state begins; NULL if the settings do not use the state. */
void *reel_optimizer_state_at(const reel_optimizer *opt, int state, const reel_param *p);

/* Takes part in updates and norms: has a gradient, is neither frozen nor a buffer. */
bool reel_param_moves(const reel_param *p);

/* Sum of squares of a whole tensor, with the same bits for any number of threads (clip.c). */
double reel_tensor_square_sum(const reel_tensor *t, const reel_ctx *ctx);

/* Loops over one stretch: sum of squares in double in a fixed order; x *= a; x clamped to -a..a;
 * whether neither NaN nor infinity is among the numbers. */
typedef double reel_square_sum_fn(const void *x, int64_t n);
typedef void reel_scalar_loop_fn(void *x, int64_t n, double a);
typedef bool reel_finite_fn(const void *x, int64_t n);
/* average = decay average + (1 - decay) weight */
typedef void reel_ema_loop_fn(void *average, const void *weight, int64_t n, double decay);
extern reel_square_sum_fn *const reel_square_sum_loops[REEL_DTYPES];
extern reel_scalar_loop_fn *const reel_scale_loops[REEL_DTYPES];
extern reel_scalar_loop_fn *const reel_clamp_loops[REEL_DTYPES];
extern reel_scalar_loop_fn *const reel_fill_loops[REEL_DTYPES];
extern reel_finite_fn *const reel_finite_loops[REEL_DTYPES];
extern reel_ema_loop_fn *const reel_ema_loops[REEL_DTYPES];

/* Below this many elements a parallel region costs more than it saves. */
enum { REEL_OPTIM_PARALLEL = 32768 };

#endif
