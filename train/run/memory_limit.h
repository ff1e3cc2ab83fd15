/* How much memory a run may take, and refusing a run that would take more. */
#ifndef REEL_TRAIN_MEMORY_LIMIT_H
#define REEL_TRAIN_MEMORY_LIMIT_H

#include "train/run/memory_plan.h"

/* Bytes that this process may still take: the least of what the system has available, what its
 * control group (v1 or v2) leaves, and what its limit of address space leaves. Infinity if none of
 * them is known. root: "" (another folder in tests); *whose names the least, for a message. */
double reel_memory_available(const char *root, const char **whose);

/* What a run will ask for. Parameters of the net that are frozen count as frozen. */
typedef struct reel_memory_demand {
    const reel_optimizer_config *optimizer;
    int64_t batch;  /* images that go through the net together */
    int64_t pieces; /* of them, as the net's plans know (reel_net_plan_pieces) */
    int64_t turns;  /* of so many images each, whose gradients are added up; 0 = 1 */
    int64_t channels, train_size, val_size;
    bool average;          /* of the weights: --model-ema */
    int64_t mixed_classes; /* of the targets of mixed batches; 0 = batches are not mixed */
    int64_t fit_images;    /* that the initial weights are fitted to; 0 = none */
    int workers;
    int ranks;           /* on this host, which share its memory; 0 = 1 */
    double arrays;       /* of gradients, that a rank has: reel_parallel_arrays; 0 = 1 */
    double limit;        /* --memory, of each rank; unused by reel_memory_check */
    bool gradients_stay; /* pieces in turns: see reel_net_fit */
} reel_memory_demand;

/* Before any of the memory is touched. Of several ranks on a host, each may take an equal part of
 * what the host has; weights and the optimizer's state are there once for all. REEL_ERR_MEMORY:
 * training steps of this batch size, with the images loaded ahead, do not fit (the message names
 * the largest batch that does), or fitting the initial weights does not. */
reel_status reel_memory_check(reel_net *net, const reel_memory_demand *demand, reel_error *err);

/* Brings the run within demand->limit, which counts the whole program: fewer batches are loaded
 * ahead (*prefetch; 0 = as many as ever), and the net computes values again. REEL_ERR_MEMORY: it
 * cannot be met, which the message says; or the machine has less. */
reel_status reel_memory_fit(reel_memory_plan *plan, int *prefetch, reel_net *net,
                            const reel_memory_demand *demand, reel_error *err);
/* Chooses anew what the net computes again, for the parameters that are frozen now. prefetch: as
 * reel_memory_fit has set it, for more parameters or as many that learn. */
reel_status reel_memory_refit(reel_net *net, const reel_memory_demand *demand, int prefetch,
                              reel_error *err);

#endif
