/* What a step takes in all: the net's plan (layers/net.h), the optimizer's state, the batch. */
#ifndef REEL_TRAIN_MEMORY_PLAN_H
#define REEL_TRAIN_MEMORY_PLAN_H

#include <jansson.h>

#include "layers/net.h"
#include "optim/optim.h"

typedef struct reel_memory_plan {
    int64_t batch; /* images */
    bool infer;
    reel_net_memory net;
    size_t momentum; /* the optimizer's state */
    size_t average;  /* of the weights; 0 = none */
    size_t input;
    size_t total;
} reel_memory_plan;

/* optimizer: NULL plans a step of inference. */
reel_status reel_memory_plan_make(reel_memory_plan *plan, reel_net *net,
                                  const reel_optimizer_config *optimizer, const int64_t input[4],
                                  reel_error *err);
/* Adds a moving average of the weights (optim/ema.h) to the plan of a training step. */
void reel_memory_plan_add_average(reel_memory_plan *plan);
void reel_memory_plan_print(const reel_memory_plan *plan); /* a table on stdout, in MB */
json_t *reel_memory_plan_json(const reel_memory_plan *plan);

#endif
