/* Weights whose gradient is one product dw = dy^T x: the ranks exchange x and dy of their pieces,
 * and each owner multiplies the rows of its share. Private to core/comm.
 *
 * The factors of the whole batch lie in one window of each host, in the order of the pieces. A rank
 * writes the rows of its own pieces while backward runs; those of other hosts arrive by message. */
#ifndef REEL_COMM_FACTORS_H
#define REEL_COMM_FACTORS_H

#include "core/comm/parallel_internal.h"

struct reel_factored {
    reel_weight_product of; /* rows: of a piece */
    int64_t x, dy;          /* where they begin in the window, in bytes */
    int64_t next, end;      /* rows of the batch that the subtree at hand still writes */
    int64_t written;        /* rows in this step */
    bool travels;           /* in this step, behind computing */
};

/* What a rank can do by itself: the list, and memory to multiply with. */
reel_status reel_factors_prepare(reel_parallel *p, const reel_parallel_config *config,
                                 reel_error *err);
/* All ranks: the window. */
reel_status reel_factors_share_memory(reel_parallel *p, reel_error *err);
void reel_factors_free(reel_parallel *p);

/* The place in the list of a parameter; -1: its gradient is none. */
int reel_factors_find(const reel_parallel *p, int param);
/* Elements of the gradient of weight f that this rank computes: the whole rows that its share
 * touches. */
reel_range reel_factors_elements(const reel_parallel *p, int f);
/* Subtree k is computed from now on. */
void reel_factors_open(reel_parallel *p, int k);
/* Whether this rank's rows are all there. */
bool reel_factors_complete(const reel_parallel *p, int f);
/* Whether backward has left some of a weight's rows in this step, but not all. */
bool reel_factors_uneven(const reel_parallel *p);

/* Begins the messages of weight f: this rank's rows to every other host, or those of other hosts to
 * this one, of which each of the host's ranks receives a part. */
reel_status reel_factors_send(const reel_parallel *p, int f, int tag, reel_bulk *bulk,
                              reel_error *err);
reel_status reel_factors_receive(const reel_parallel *p, int f, int tag, reel_bulk *bulk,
                                 reel_error *err);
/* All factors are there: this rank's rows of the gradients, in the first of its own arrays. */
void reel_factors_multiply(const reel_parallel *p);
/* These weights have gradients now. */
void reel_factors_mark(const reel_parallel *p);

#endif
