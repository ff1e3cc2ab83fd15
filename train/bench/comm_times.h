/* What messages between two ranks cost, and the exchange of a training step, by itself and behind
 * a computation. All ranks call these functions together. */
#ifndef REEL_TRAIN_BENCH_COMM_TIMES_H
#define REEL_TRAIN_BENCH_COMM_TIMES_H

#include "core/comm/parallel.h"

enum { REEL_COMM_SIZES = 6 };

/* Between rank 0 and the first rank of the next host, or the last rank where there is one host. */
typedef struct reel_comm_messages {
    int partner;
    size_t bytes[REEL_COMM_SIZES];
    double seconds[REEL_COMM_SIZES]; /* of a message, the best of some */
    double latency;                  /* of one of 8 bytes */
    double cpu_per_gb;               /* seconds for 10^9 bytes sent and as many received */
} reel_comm_messages;

reel_status reel_comm_messages_measure(reel_comm_messages *m, reel_comm *comm, int runs,
                                       reel_error *err);

/* Seconds for adding 10^9 bytes of float32 to others, with so many threads. */
reel_status reel_comm_sum_measure(double *seconds_per_gb, int threads, int runs, reel_error *err);

/* The exchange of a step over the parameters of a store; medians. */
typedef struct reel_comm_exchange {
    double bytes;    /* of the gradients */
    double sent;     /* bytes that a host sends for one exchange, all its ranks together */
    double exchange; /* seconds: all sums or factors, and all new values; nothing else */
    double rate;     /* bytes a second that a host sends where no gradient is made of factors */
    double compute;  /* seconds of the computation by itself */
    double step;     /* seconds of both together */
    double products; /* seconds of this rank's products of factors, left out of the figures above:
                      * one process computes them, too; the mean of the steps */
    double hidden;   /* 1 - (step - compute) / exchange */
} reel_comm_exchange;

/* What is exchanged: a store, and how its batches are divided. */
typedef struct reel_comm_work {
    reel_params *params;
    const reel_weight_product *products; /* [n_products] with the rows of a piece */
    int n_products;
    int64_t pieces;
} reel_comm_work;

/* compute: seconds that the computation is to take; 0 = twice as long as the exchange. Two thirds
 * of it stand for backward, one third for forward, spread evenly over the parameters. */
typedef struct reel_comm_runs {
    double compute;
    int runs;
} reel_comm_runs;

/* Spoils the store's values. */
reel_status reel_comm_exchange_measure(reel_comm_exchange *x, reel_comm *comm,
                                       const reel_comm_work *work, const reel_ctx *ctx,
                                       const reel_comm_runs *how, reel_error *err);

#endif
