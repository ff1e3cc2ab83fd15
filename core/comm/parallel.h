/* Data parallelism for one parameter store: every rank computes the gradients of its pieces of the
 * batch, each rank adds up and updates its own share of the elements, and all see the new values.
 * The sum has the same bits for any number of ranks (core/pieces.h). A training step:
 *
 *     const reel_pieces *trees;
 *     const int n = reel_parallel_subtrees(parallel, &trees);
 *     for (int k = 0; k < n; k++) {
 *         void *grads = reel_parallel_subtree(parallel, k);
 *         // compute: forward and backward of one piece (core/piece_sum.h)
 *         REEL_TRY(reel_piece_sum_run(sum, trees[k], 1, grads, compute, user, err));
 *     }
 *     REEL_TRY(reel_parallel_sum(parallel, err));
 *     // the optimizer moves the elements of reel_parallel_share(parallel, rank)
 *     REEL_TRY(reel_parallel_publish(parallel, err));
 *
 * Memory. The ranks of a host share one copy of the values. Each rank has one array of gradients
 * for each of its subtrees, which the other ranks of the host read where it lies. Between hosts go
 * sums: of each host's maximal subtrees, for the elements that the receiver owns.
 *
 * Factors. The gradient of a fully connected layer's weights is a product dy^T x over the rows of
 * the batch. Where x and dy of the whole batch are much smaller than it, the ranks exchange these
 * (`products` in the configuration, and reel_parallel_factors in the hooks of the tape). Each rank
 * then multiplies the rows of its own share in reel_parallel_sum, with the bits of one process.
 *
 * Buffers (REEL_PARAM_BUFFER: running statistics) are not shared: each rank writes its own while it
 * computes. They begin as rank 0's.
 *
 * Overlap. With several hosts and `overlap` in the configuration, messages travel behind computing:
 *
 *     ready   sums are sent as soon as backward has finished a gradient
 *     sum     waits for what is still missing
 *     publish begins to send the new values and returns
 *     need    waits for the values of one parameter, before forward reads them
 *
 * reel_tape_set_param_hooks (core/tape.h) calls ready and need at the right moments. The bits are
 * the same. Whoever reads or changes values without need calls reel_parallel_settle first.
 *
 * With one rank nothing is moved or sent; every function works and costs nothing.
 *
 * All ranks make the same calls in the same order, each from one thread. A failure that is not
 * REEL_ERR_INVALID ends the run: call reel_comm_abort, since messages may still be under way.
 * REEL_ERR_IO in all functions: a rank is lost (comm.h). */
#ifndef REEL_COMM_PARALLEL_H
#define REEL_COMM_PARALLEL_H

#include "core/comm/comm.h"
#include "core/ctx.h"
#include "core/params.h"
#include "core/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_parallel reel_parallel;

typedef struct reel_parallel_config {
    int64_t pieces; /* equal pieces of the whole batch, at least as many as ranks */
    /* [ranks + 1] ascending elements, from 0 to reel_params_flat_size: rank r owns cuts[r] to
     * cuts[r + 1] - 1, which may be none (reel_optim_cuts). Copied. NULL: equal parts. */
    const int64_t *cuts;
    bool overlap; /* the caller uses ready, need, settle and drop; the same on every rank */
    /* [n_products] weights that one fully connected layer uses (reel_tape_weight_products), with
     * the rows of one piece. Copied. Of those whose factors pay, backward hands out the factors. */
    const reel_weight_product *products;
    int n_products;
} reel_parallel_config;

/* Whether the gradient of a weight is exchanged by its factors: for `rows` of a piece, and
 * gradients of this dtype. */
REEL_API bool reel_factors_pay(const reel_weight_product *product, int64_t pieces,
                               reel_dtype gradient);
/* Bytes of the factors of so many pieces. */
REEL_API double reel_factors_bytes(const reel_weight_product *product, int64_t pieces);
/* Keeps the products of the list that pay, and sets by_factors of their weights; of all others it
 * is cleared. Returns how many are left. */
REEL_API int reel_factors_choose(reel_params *params, reel_weight_product *list, int n,
                                 int64_t pieces);

/* comm, params and ctx are borrowed, and outlive the result. The store is committed and the same on
 * every rank; its values become those of rank 0, and it is bound to shared memory until
 * reel_parallel_destroy: no tape may hold values of it meanwhile. The gradients are forgotten.
 * ctx: its threads add up.
 * REEL_ERR_INVALID: the stores differ in a name, shape, flag or dtype, or the configs differ; a
 * product is none of the store's; there are more ranks than pieces; the cuts do not ascend.
 * REEL_ERR_MEMORY: a rank has no memory. Every rank fails then, and the message names the rank. */
REEL_API reel_status reel_parallel_create(reel_parallel **out, reel_comm *comm, reel_params *params,
                                          const reel_ctx *ctx, const reel_parallel_config *config,
                                          reel_error *err);
/* How much memory gradients will take on this rank with so many pieces, in arrays of the store's
 * size: one for each of its subtrees and, with several hosts, parts of arrays that are sent and
 * received. 1 where one rank is alone; 0: fewer pieces than ranks, or no memory. No exchange. */
REEL_API double reel_parallel_arrays(const reel_comm *comm, int64_t pieces);

/* The values go back into the store's own memory, so that the store can be used further; gradients
 * are forgotten, arrays freed. Before reel_comm_close. NULL is fine. */
REEL_API void reel_parallel_destroy(reel_parallel *parallel);

/* *out receives this rank's maximal subtrees, in order; valid until destroy. Returns how many. */
REEL_API int reel_parallel_subtrees(const reel_parallel *parallel, const reel_pieces **out);
/* From now on backward writes the gradients of subtree k, 0 <= k < subtrees. They must be the sum
 * over the subtree's pieces along its tree: one tape of so many pieces (reel_tape_set_pieces), or
 * pieces in turn (core/piece_sum.h). has_grad is cleared. Returns the flat array in which the sum
 * must end; NULL: the store's own, which is so with one rank, or no such k, and nothing happens. */
REEL_API void *reel_parallel_subtree(reel_parallel *parallel, int k);
/* After backward of all subtrees. The store's gradients of this rank's share become the sums over
 * all pieces; elsewhere they are undefined. Returns on a rank when its share is complete. A
 * parameter without a gradient (has_grad) has none on any rank and in any subtree, and is skipped.
 * REEL_ERR_INVALID: that does not hold, or reel_parallel_publish was not called after the last
 * sum. */
REEL_API reel_status reel_parallel_sum(reel_parallel *parallel, reel_error *err);
/* The gradient of a parameter is final for the last of this rank's subtrees: for reel_param_hooks
 * of the tape that computes it. Ranks may call it in different orders, or not at all. Without
 * overlap, or for no such parameter, nothing happens. */
REEL_API void reel_parallel_ready(reel_parallel *parallel, int index);
/* Where backward leaves the factors of a weight with by_factors, for `factors` of the tape's hooks;
 * the sweeps of a subtree come in the order of its pieces. The weight has no gradient until
 * reel_parallel_sum. REEL_ERR_INVALID: no such weight, or other or more rows than the subtree has.
 */
REEL_API reel_status reel_parallel_factors(reel_parallel *parallel,
                                           const reel_weight_product *product, reel_factors *to,
                                           reel_error *err);
/* Seconds that this rank has multiplied factors for, in all calls of reel_parallel_sum: one process
 * computes these products in backward. NULL: 0. */
REEL_API double reel_parallel_product_seconds(const reel_parallel *parallel);
/* In place of reel_parallel_sum, on all ranks, where the gradients of a step will not be used: what
 * is under way is completed and thrown away. Nothing happens without overlap. */
REEL_API reel_status reel_parallel_drop(reel_parallel *parallel, reel_error *err);
/* The elements that a rank owns. No such rank: none. */
REEL_API reel_range reel_parallel_share(const reel_parallel *parallel, int rank);
/* Ends a step, after each rank has updated its share of the values, or has decided not to. After it
 * all hosts have all values; no rank reads old ones, or gradients of another rank, any more. Values
 * of frozen parameters are not sent.
 * With overlap values may still be under way: need and settle tell. */
REEL_API reel_status reel_parallel_publish(reel_parallel *parallel, reel_error *err);
/* The same with the values of frozen parameters, where they have changed, too. */
REEL_API reel_status reel_parallel_publish_all(reel_parallel *parallel, reel_error *err);
/* Waits until the values of a parameter are those of the last publication. Returns at once without
 * overlap. */
REEL_API reel_status reel_parallel_need(reel_parallel *parallel, int index, reel_error *err);
/* Waits until all values are, and until this rank's have been received by all hosts: comes before
 * an evaluation, a checkpoint, and any change of values other than that between sum and publish.
 * Returns at once without overlap. */
REEL_API reel_status reel_parallel_settle(reel_parallel *parallel, reel_error *err);

/* One more flat array of the store's size and dtype, for states of the optimizer or an average: one
 * a host, zeroed, each rank writes its share. Pages that nobody touches cost nothing; where memory
 * runs out, the first touch of a page ends the process. Freed by reel_parallel_destroy. */
REEL_API reel_status reel_parallel_array(reel_parallel *parallel, void **array, reel_error *err);
/* Afterwards every host has every rank's share of that array: for a checkpoint, or to evaluate an
 * average. Between hosts all of it is sent, which touches its pages.
 * REEL_ERR_INVALID: not an array of reel_parallel_array. */
REEL_API reel_status reel_parallel_complete(reel_parallel *parallel, void *array, reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
