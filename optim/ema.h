/* An exponential moving average of all weights: a second set of values beside a parameter store.
 *
 *     const double decay = reel_ema_decay(0.99998, images_per_update, epochs);
 *     REEL_TRY(reel_ema_create(&ema, reel_net_params(net), ctx, decay, err));
 *     reel_ema_update(ema, true);               copies the weights
 *     ...
 *     reel_ema_update(ema, false);              after every few steps
 *     reel_ema_swap(ema);                       the net holds the average: evaluate, save
 *     reel_ema_swap(ema);                       the net holds its weights again
 *     reel_ema_destroy(ema);
 *
 * Buffers such as running statistics are averaged like weights, as in torchvision's recipes. */
#ifndef REEL_OPTIM_EMA_H
#define REEL_OPTIM_EMA_H

#include "core/ctx.h"
#include "core/params.h"
#include "optim/share.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_ema reel_ema;

/* torchvision's adjustment, which keeps the average's memory the same share of a run whatever its
 * length: 1 - min(1, (1 - decay) images_per_update / epochs). images_per_update: batch size times
 * steps between two updates. */
REEL_API double reel_ema_decay(double decay, double images_per_update, double epochs);

/* Makes an average for one committed store; its values are 0 until the first update. The average
 * borrows params and ctx, which must outlive it. *out is NULL on failure. REEL_ERR_INVALID: a decay
 * below 0 or above 1, a store that is not committed. REEL_ERR_MEMORY. */
REEL_API reel_status reel_ema_create(reel_ema **out, reel_params *params, const reel_ctx *ctx,
                                     double decay, reel_error *err);
REEL_API void reel_ema_destroy(reel_ema *ema); /* NULL is fine */

/* From here on update and swap work on the elements of this share only (optim/share.h); NULL: on
 * all. The share is copied; its add_up is not called and may be NULL. After a swap, the caller
 * hands the weights of every share out, as after a step. REEL_ERR_INVALID: begin or end is no cut.
 */
REEL_API reel_status reel_ema_set_share(reel_ema *ema, const reel_optim_share *share,
                                        reel_error *err);
/* Keeps the average in `array`, parallel to the store's flat arrays: memory that several ranks
 * share. The share's part of the present average is copied there; the own memory is given back.
 * array stays the caller's and must outlive the average. */
REEL_API reel_status reel_ema_place(reel_ema *ema, void *array, reel_error *err);

/* average = decay average + (1 - decay) weight; with copy, average = weight. The bits do not depend
 * on the number of threads. */
REEL_API void reel_ema_update(reel_ema *ema, bool copy);
/* Exchanges the weights and the average. */
REEL_API void reel_ema_swap(reel_ema *ema);
/* The average of one parameter or buffer, with its shape; valid until destroy. */
REEL_API reel_tensor reel_ema_average(const reel_ema *ema, int param);

#ifdef __cplusplus
}
#endif
#endif
