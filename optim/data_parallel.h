/* A training loop of one's own on several processes, with the bits of one process: the pieces of a
 * batch, the sum of their gradients and the shares of the weights.
 *
 *     check(reel_comm_open(&comm, &config, err));
 *     check(reel_data_parallel_create(&parallel, comm, opt, 8, err));      8 pieces a batch
 *     for (...) {
 *         check(reel_data_parallel_backward(parallel, compute, user, err));
 *         check(reel_data_parallel_step(parallel, lr, err));
 *     }
 *
 * check ends all ranks after a failure (reel_comm_abort), since the others wait for this one.
 *
 * compute(user, piece, err) runs forward and backward of one piece of the batch (core/piece_sum.h).
 * The gradient of the batch is the sum over its pieces, so a mean over the batch needs losses that
 * are scaled by 1 / pieces (reel_backward_scaled).
 *
 * Between create and destroy the weights lie in memory that the ranks of a host share. All ranks
 * make the same calls in the same order. What lies beneath, for loops that need more of it (an
 * exchange behind computing, states of the optimizer in a checkpoint): core/comm/parallel.h. */
#ifndef REEL_OPTIM_DATA_PARALLEL_H
#define REEL_OPTIM_DATA_PARALLEL_H

#include "core/comm/parallel.h"
#include "core/piece_sum.h"
#include "optim/optim.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_data_parallel reel_data_parallel;

/* pieces: equal pieces of the whole batch, at least one a rank; the bits depend on their number.
 * comm and opt are borrowed, and outlive the result. The values become those of rank 0; gradients
 * are forgotten. *out is NULL on failure. REEL_ERR_INVALID: more ranks than pieces, or ranks whose
 * parameters differ. REEL_ERR_MEMORY. REEL_ERR_IO: a rank is lost (comm.h). */
REEL_API reel_status reel_data_parallel_create(reel_data_parallel **out, reel_comm *comm,
                                               reel_optimizer *opt, int64_t pieces,
                                               reel_error *err);
/* The values go back into the store's own memory, and the optimizer steps all elements again; of
 * its state it has this rank's share only, so with several ranks make a new one to train on.
 * Before reel_optimizer_destroy and reel_comm_close. NULL is fine. After a failure, when ranks may
 * be lost, call reel_comm_abort instead. */
REEL_API void reel_data_parallel_destroy(reel_data_parallel *parallel);

/* Calls compute for each piece of this rank, and adds up over all ranks. Afterwards the gradients
 * of this rank's share are those of the whole batch; elsewhere they are undefined. An error of
 * compute is returned as it is: the other ranks still wait, so call reel_comm_abort.
 * REEL_ERR_IO: a rank is lost. */
REEL_API reel_status reel_data_parallel_backward(reel_data_parallel *parallel,
                                                 reel_piece_compute *compute, void *user,
                                                 reel_error *err);
/* One step of the optimizer: each rank updates its share, and receives the others'. Errors: those
 * of reel_optimizer_step and reel_parallel_publish. */
REEL_API reel_status reel_data_parallel_step(reel_data_parallel *parallel, double lr,
                                             reel_error *err);

/* The share [begin, end) of a rank, two cuts of reel_optim_cuts, whose norms are exchanged over
 * comm: for loops that use core/comm/parallel.h themselves. comm is borrowed. With NULL, calls that
 * need norms fail with REEL_ERR_INVALID. */
REEL_API reel_optim_share reel_optim_share_over(reel_comm *comm, int64_t begin, int64_t end);

/* This rank's share of the elements, for calls between backward and step that take one
 * (reel_clip_grad_norm_shared). Valid until destroy. NULL for NULL. */
REEL_API const reel_optim_share *reel_data_parallel_share(const reel_data_parallel *parallel);

#ifdef __cplusplus
}
#endif
#endif
