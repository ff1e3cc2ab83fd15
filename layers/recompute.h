/* Training steps in less memory, with the same bits: a net drops values after its forward pass and
 * has backward compute them again (Chen et al. 2016, "Training deep nets with sublinear memory
 * cost", arXiv 1604.06174), and computes the gradients of large weights last.
 *
 *     reel_net_fit(net, shape, limit, false, &saving, &err)    chooses, once
 *     reel_net_forward, reel_backward, reel_optimizer_step     as ever
 *     reel_net_forget_gradients(net)                           in place of reel_params_zero_grad
 *
 * The choice belongs to the net; it is made for one shape of batches and one set of frozen
 * parameters, and stays correct, though not within the limit, for others. */
#ifndef REEL_LAYERS_RECOMPUTE_H
#define REEL_LAYERS_RECOMPUTE_H

#include "layers/net.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a choice saves and costs. Bytes are those of a step: what the tape lies in, and the
 * gradients of the parameters. */
typedef struct reel_saving {
    size_t before, after, least; /* least: that a choice can reach; before: without any */
    int64_t step_multiply_adds;  /* of forward and backward, without recomputing */
    int64_t more_multiply_adds;  /* that recomputing takes */
    int dropped;                 /* values that are computed again */
    bool late_gradients;         /* gradients of large weights come last */
} reel_saving;

/* Chooses for training on images of shape (n, c, h, w), so that a step takes at most `limit` bytes
 * (as in reel_saving) at the least cost found. gradients_stay: a step begins with gradients that
 * are in memory already (accumulation over several batches). *saving may be NULL. REEL_ERR_MEMORY:
 * no choice fits; saving->least says what would, and the net computes as before the call. */
REEL_API reel_status reel_net_fit(reel_net *net, const int64_t input[4], size_t limit,
                                  bool gradients_stay, reel_saving *saving, reel_error *err);
/* Back to keeping everything. */
REEL_API void reel_net_unfit(reel_net *net);

/* reel_params_zero_grad; where gradients come late, their memory returns to the system too. */
REEL_API void reel_net_forget_gradients(reel_net *net);

#ifdef __cplusplus
}
#endif
#endif
