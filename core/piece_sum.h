/* Adding up the gradients of pieces that are computed one after the other, along the tree of
 * core/pieces.h.
 *
 *     reel_piece_sum_create(&sum, params, ctx, &err);
 *     reel_piece_sum_run(sum, (reel_pieces){0, 8}, 2, compute, me, &err);    2 pieces at a time
 *
 * compute(me, part, err) leaves the sum over `part` in the store's gradients: one backward on a
 * tape of so many pieces. The store's gradients end as the sum over all of them. Sums that wait for
 * their neighbours lie in flat arrays of their own: one for each level of the tree that is left. */
#ifndef REEL_CORE_PIECE_SUM_H
#define REEL_CORE_PIECE_SUM_H

#include "core/ctx.h"
#include "core/params.h"
#include "core/pieces.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_piece_sum reel_piece_sum;

/* Borrows params and ctx. *out is NULL on failure. REEL_ERR_MEMORY. */
REEL_API reel_status reel_piece_sum_create(reel_piece_sum **out, reel_params *params,
                                           const reel_ctx *ctx, reel_error *err);
REEL_API void reel_piece_sum_destroy(reel_piece_sum *sum); /* NULL is fine */

typedef reel_status reel_piece_compute(void *user, reel_pieces part, reel_error *err);

/* Computes `part` in parts of at most `most` pieces, each a part of the tree. grads: the flat array
 * that the sum ends in, and the store is bound to; NULL = the store's own. Ends with the first
 * error of compute; REEL_ERR_INVALID: no piece; REEL_ERR_MEMORY. */
REEL_API reel_status reel_piece_sum_run(reel_piece_sum *sum, reel_pieces part, int64_t most,
                                        void *grads, reel_piece_compute *compute, void *user,
                                        reel_error *err);
/* Flat arrays besides the store's gradients that a run over `count` pieces needs. */
REEL_API int reel_piece_sum_arrays(int64_t count, int64_t most);

#ifdef __cplusplus
}
#endif
#endif
