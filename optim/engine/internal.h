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
    bool placed[REEL_OPTIMIZER_STATES]; /* state[] is memory of others */
    size_t state_bytes;                 /* of each */
    reel_optim_share held;
    const reel_optim_share *share; /* &held; NULL: all elements */
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

/* ---- shares (share.c); NULL is a share of everything ---- */

/* REEL_ERR_INVALID: a share that does not begin and end at cuts. */
reel_status reel_optim_share_check(const reel_params *params, const reel_optim_share *share,
                                   reel_error *err);
/* The elements of a parameter that a share holds; 0..0 where it holds none. */
reel_range reel_optim_share_of(const reel_optim_share *share, const reel_param *p);
/* share->add_up; REEL_ERR_INVALID where it is NULL. */
reel_status reel_optim_add_up(const reel_optim_share *share, double *x, int64_t n, reel_error *err);
/* In place of it: REEL_ERR_MEMORY, and the other ranks learn of it. */
reel_status reel_optim_no_memory(const reel_optim_share *share, const char *what, reel_error *err);

/* ---- sums of squares (clip.c) ---- */

enum { REEL_SUM_BLOCKS = 128 }; /* most blocks of a tensor */

/* Elements of a block of a tensor of n elements: a multiple of 1,024, so that small tensors are few
 * blocks and each begins at a cache line. It depends on n only. */
int64_t reel_sum_block(int64_t n);

/* Sums of squares of whole tensors, one after the other, with the same bits for any number of
 * threads and ranks: a block is summed by one thread of one rank, and blocks are added in order.
 *
 * With a share, open takes the sums of the own blocks and has those of all ranks added up: of the
 * gradient of every parameter that moves, then of its value if `values` says so. next gives the
 * totals in this order. close may follow a failed open. */
typedef struct reel_square_sums {
    const reel_ctx *ctx;
    double *part; /* blocks of all tensors, one behind the other; NULL without a share */
    int64_t at;   /* the next tensor's first block in part */
} reel_square_sums;
reel_status reel_square_sums_open(reel_square_sums *sums, const reel_params *params,
                                  const reel_ctx *ctx, const reel_optim_share *share, bool values,
                                  reel_error *err);
double reel_square_sums_next(reel_square_sums *sums, const reel_tensor *t);
void reel_square_sums_close(reel_square_sums *sums);

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
