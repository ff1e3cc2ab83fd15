/* A model of data-parallel training on several machines: how long a step takes, from the times of
 * its layers on one machine and the costs of the exchange. README.md tells what it assumes.
 *
 * H nodes. A layer's exchange has two phases: its gradients are added up at the nodes that own them
 * (reduce-scatter), and its new weights are handed out (allgather). Where gradients are made of
 * factors, these go to all other nodes instead. A phase has B_i bytes of the layer, those of the
 * whole batch; B is the sum over the layers. It takes the link for
 *
 *     alpha (1 + (H - 1) B_i / B) + (H - 1) / H B_i / (efficiency bytes_per_second)    seconds */
#ifndef REEL_TRAIN_BENCH_SCALE_MODEL_H
#define REEL_TRAIN_BENCH_SCALE_MODEL_H

/* One layer with parameters, and those without that follow it. */
typedef struct reel_scale_layer {
    char name[64];
    double bytes;   /* of its weights, and of their gradients */
    double factors; /* bytes that are exchanged in place of its gradients; 0 = these are */
    double forward, backward; /* seconds, for the batch of one node */
} reel_scale_layer;

typedef struct reel_scale_costs {
    double alpha;            /* seconds for a message, whatever its length */
    double bytes_per_second; /* of the link, in each direction at the same time; may be infinite */
    double efficiency;       /* share of it that the exchange reaches: above 0, at most 1 */
    double cpu_per_gb; /* seconds of one core for 1e9 bytes that a node sends, and gets in turn */
    double sum_per_gb; /* seconds of the node for adding 1e9 bytes of another rank's gradients */
} reel_scale_costs;

typedef struct reel_scale_case {
    const reel_scale_layer *layers; /* in the order of the forward pass */
    int n_layers;
    double update; /* seconds to update all parameters on one node */
    int nodes;
    int ranks; /* on each node, which share the node's memory */
    int cores; /* of each node */
    reel_scale_costs costs;
} reel_scale_case;

/* Seconds from the begin of a backward pass, for one layer. */
typedef struct reel_scale_times {
    double ready;      /* its gradient is computed */
    double begin;      /* its exchange begins */
    double summed;     /* the owners have the sum */
    double handed_out; /* all nodes have the new weights */
    double needed;     /* the next forward pass arrives at the layer */
} reel_scale_times;

typedef struct reel_scale_step {
    double seconds;   /* from one backward pass to the next */
    double computing; /* what forward, backward, update and the exchange's own work take of it */
    double link;      /* what the exchange takes on the link */
} reel_scale_step;

/* times: [n_layers], filled in; NULL is fine. n_layers and all counts are at least 1. */
reel_scale_step reel_scale_predict(const reel_scale_case *c, reel_scale_times *times);

/* Seconds for `batch` images, from the times of n >= 1 rising batch sizes: the straight line
 * between two of them; above the largest, as many steps of that size as it takes; below the
 * smallest, the line through the first two, but no less than in proportion. */
double reel_scale_time_at(const double *sizes, const double *seconds, int n, double batch);

#endif
