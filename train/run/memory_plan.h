/* What a step takes in all: the net's plan (layers/net.h), the optimizer's momentum, the batch. */
#ifndef REEL_TRAIN_MEMORY_PLAN_H
#define REEL_TRAIN_MEMORY_PLAN_H

#include <jansson.h>

#include "layers/net.h"

typedef struct reel_memory_plan {
    int64_t batch; /* images */
    bool infer;
    reel_net_memory net;
    size_t momentum, input;
    size_t total;
} reel_memory_plan;

reel_status reel_memory_plan_make(reel_memory_plan *plan, reel_net *net, const int64_t input[4],
                                  bool infer, reel_error *err);
void reel_memory_plan_print(const reel_memory_plan *plan); /* a table on stdout, in MB */
json_t *reel_memory_plan_json(const reel_memory_plan *plan);

#endif
