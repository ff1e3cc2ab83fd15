/* The times of a training step by layer, measured on drawn images. */
#ifndef REEL_TRAIN_BENCH_LAYER_TIMES_H
#define REEL_TRAIN_BENCH_LAYER_TIMES_H

#include "core/tape.h"
#include "layers/net.h"
#include "optim/optim.h"
#include "train/bench/scale_model.h"

enum { REEL_LAYER_TIMES_MOST = 1024 }; /* layers with parameters */

typedef struct reel_layer_times {
    reel_scale_layer layer[REEL_LAYER_TIMES_MOST]; /* in the order of the forward pass */
    /* Of each layer, the product that makes the gradient of its weights, with the rows of one
     * image; 0 rows: it is no product. */
    reel_weight_product product[REEL_LAYER_TIMES_MOST];
    int n;
    double update; /* seconds, of all parameters */
} reel_layer_times;

/* Medians of `steps` steps on images of shape (n, c, h, w), after one that is not counted. A
 * layer's times hold those of the layers without parameters that follow it, and its part of what a
 * pass spends between operators. tape: made with `timed`. REEL_ERR_INVALID: no layer has
 * parameters, or too many have. */
reel_status reel_layer_times_measure(reel_layer_times *times, reel_net *net, reel_tape *tape,
                                     reel_optimizer *opt, const int64_t shape[4], int steps,
                                     reel_error *err);

#endif
