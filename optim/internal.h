/* For files in optim/ only: what the optimizer holds, and the loops over memory that are compiled
 * for float and for double. */
#ifndef REEL_OPTIM_INTERNAL_H
#define REEL_OPTIM_INTERNAL_H

#include "optim/optim.h"

/* The coefficients of one parameter's update, multipliers of its group included. */
typedef enum {
    REEL_UPDATE_PLAIN,    /* no momentum: w -= lr d, with d = g + decay w in every rule */
    REEL_UPDATE_MOMENTUM, /* v = mu v + keep d; w -= lr v */
    REEL_UPDATE_NESTEROV, /* v = mu v + keep d; w -= lr (d + mu v) */
    REEL_UPDATE_2012      /* v = mu v - lr d; w += v */
} reel_update_rule;

typedef struct reel_update {
    reel_update_rule rule;
    double lr, mu, keep,
        decay; /* decay 0: w is not looked at, so an infinite weight does not reach v */
} reel_update;

typedef void reel_update_fn(void *w, void *v, const void *g, int64_t n, const reel_update *u);
extern reel_update_fn *const reel_update_loops[REEL_DTYPES];

/* Loops over one gradient: sum of squares in double in a fixed order, x *= a, x clamped to -a..a.
 */
typedef double reel_square_sum_fn(const void *x, int64_t n);
typedef void reel_scalar_loop_fn(void *x, int64_t n, double a);
typedef bool reel_finite_fn(const void *x, int64_t n); /* neither NaN nor infinity among them */
extern reel_finite_fn *const reel_finite_loops[REEL_DTYPES];
extern reel_square_sum_fn *const reel_square_sum_loops[REEL_DTYPES];
extern reel_scalar_loop_fn *const reel_scale_loops[REEL_DTYPES];
extern reel_scalar_loop_fn *const reel_clamp_loops[REEL_DTYPES];

/* One parameter's place in the optimizer. */
typedef struct reel_slot {
    double lr_mult, decay_mult;
    bool has_velocity; /* false: the velocity's memory has never been written and reads as zero */
} reel_slot;

struct reel_optimizer {
    reel_params *params;
    const reel_ctx *ctx;
    reel_sgd_config config;
    reel_slot *slots; /* [reel_params_count] */
    void *velocity;   /* parallel to the flat arrays of params; NULL without momentum */
    size_t bytes;     /* of velocity */
};

/* Takes part in updates and norms: has a gradient, is neither frozen nor a buffer. */
bool reel_param_moves(const reel_param *p);

/* Below this many elements a parallel region costs more than it saves. */
enum { REEL_OPTIM_PARALLEL = 32768 };

#endif
