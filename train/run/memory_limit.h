/* How much memory a run may take, and whether it does. */
#ifndef REEL_TRAIN_MEMORY_LIMIT_H
#define REEL_TRAIN_MEMORY_LIMIT_H

#include "layers/net.h"
#include "optim/optim.h"

/* Bytes that this process may still take: what the system has available, or what its control group
 * (v1 or v2) or its limit of address space leaves where that is less; infinity where none tells.
 * root: "" (another folder in tests); *whose: words for a message. */
double reel_memory_available(const char *root, const char **whose);

/* What a run will ask for. */
typedef struct reel_memory_demand {
    const reel_optimizer_config *optimizer;
    int64_t batch; /* images */
    int64_t train_size, val_size;
    int64_t fit_images; /* that the initial weights are fitted to; 0 = none */
    int workers;
} reel_memory_demand;

/* REEL_ERR_MEMORY where steps of the batch size, images loaded ahead included, would not fit; the
 * message names the largest batch that does. The same where fitting the initial weights would not
 * fit. Before any of the memory is touched. */
reel_status reel_memory_check(reel_net *net, const reel_memory_demand *demand, reel_error *err);

#endif
