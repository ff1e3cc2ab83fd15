/* What a step takes in all: the net's plan (layers/net.h), the optimizer's state, the batch. */
#ifndef REEL_TRAIN_MEMORY_PLAN_H
#define REEL_TRAIN_MEMORY_PLAN_H

#include <jansson.h>

#include "layers/recompute.h"
#include "optim/optim.h"

typedef struct reel_memory_plan {
    int64_t batch; /* images */
    bool infer;
    reel_net_memory net;
    size_t momentum; /* the optimizer's state */
    size_t average;  /* of the weights; 0 = none */
    size_t sums;     /* of pieces that wait for others, besides the gradients */
    size_t targets;  /* of mixed batches; 0 = none */
    size_t input;
    size_t total;
    /* With a limit; zero without one. */
    double limit;
    size_t limited_total; /* as chosen; total stays what the step would take */
    reel_saving saving;
} reel_memory_plan;

/* optimizer: NULL plans a step of inference. */
reel_status reel_memory_plan_make(reel_memory_plan *plan, reel_net *net,
                                  const reel_optimizer_config *optimizer, const int64_t input[4],
                                  reel_error *err);
/* Adds a moving average of the weights (optim/ema.h) to the plan of a training step. */
void reel_memory_plan_add_average(reel_memory_plan *plan);
/* Adds sums of pieces that come in turn: arrays as large as the gradients. */
void reel_memory_plan_add_sums(reel_memory_plan *plan, int arrays);
/* Adds the targets of mixed batches (Mixup, CutMix): one number a class and image in the session,
 * in float32, and two on the tape, in float64. */
void reel_memory_plan_add_targets(reel_memory_plan *plan, int64_t classes);
/* Has the net choose what to compute again, so that the program fits into `limit` bytes (--memory).
 * others: bytes that the plan does not count, such as batches loaded ahead. gradients_stay: as
 * reel_net_fit's. REEL_ERR_MEMORY: the message says the least limit that can be met. */
typedef struct reel_memory_limit {
    double limit, others;
    size_t beside; /* bytes of what takes turns with the training step, such as an evaluation */
    bool gradients_stay;
} reel_memory_limit;
reel_status reel_memory_plan_fit(reel_memory_plan *plan, reel_net *net, const int64_t input[4],
                                 const reel_memory_limit *limit, reel_error *err);
/* What the choice saves and costs: "planned 846.1 MB of memory instead of 1014.3: ...". */
const char *reel_memory_plan_text(const reel_memory_plan *plan, char *text, size_t size);
void reel_memory_plan_print(const reel_memory_plan *plan); /* a table on stdout, in MB */
json_t *reel_memory_plan_json(const reel_memory_plan *plan);

#endif
