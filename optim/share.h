/* A share of the elements: what one rank of several updates.
 *
 * R ranks hold the same parameters. The flat arrays of the store (core/params.h) are cut into R
 * ranges, one behind the other; each rank updates its own range and keeps the optimizer's state of
 * this range only. Whoever runs the ranks then hands the new values out.
 *
 *     int64_t cuts[R + 1];
 *     reel_optim_cuts(params, R, cuts);
 *     const reel_optim_share share = {cuts[r], cuts[r + 1], add_up, comm, fail};
 *     REEL_TRY(reel_optimizer_set_share(opt, &share, err));
 *     ...
 *     REEL_TRY(reel_clip_grad_norm_shared(params, ctx, 1.0, &share, &norm, err));
 *     REEL_TRY(reel_optimizer_step(opt, lr, err));    moves the elements of the share
 *
 * The bits are those of one process. Elements are independent of each other, and norms are sums
 * over fixed blocks, none of which lies in two shares.
 *
 * All ranks make the same calls in the same order, with the same flags and the same has_grad of
 * every parameter. Gradients, values and states outside the share are neither read nor written. */
#ifndef REEL_OPTIM_SHARE_H
#define REEL_OPTIM_SHARE_H

#include "core/params.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_optim_share {
    int64_t begin, end; /* elements of the flat arrays: [begin, end), two cuts */
    /* x[0..n) = the sum of x over all ranks, with the same bits on all of them. An element is
     * nonzero on one rank only, or a small whole number: the sum is exact in any order. Every rank
     * calls it for the same n. */
    reel_status (*add_up)(void *user, double *x, int64_t n, reel_error *err);
    void *user; /* handed to add_up and fail; borrowed */
    /* In place of add_up where this rank has no memory for the numbers, which `err` says: add_up of
     * the other ranks must then fail instead of waiting (reel_comm_fail). NULL: nobody is told. */
    reel_status (*fail)(void *user, reel_error *err);
} reel_optim_share;

/* cuts[0..ranks]: ascending places in the flat arrays, from 0 to reel_params_flat_size. Rank r owns
 * [cuts[r], cuts[r + 1]), which may be empty. A cut between two ranks lies where a parameter begins
 * or where one of the blocks begins in which norms are summed, as near to r / ranks of all elements
 * as such a place is. ranks below 1 or NULL: does nothing. */
REEL_API void reel_optim_cuts(const reel_params *params, int ranks, int64_t *cuts);

#ifdef __cplusplus
}
#endif
#endif
