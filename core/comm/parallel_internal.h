/* The insides of a reel_parallel. Private to core/comm. */
#ifndef REEL_COMM_PARALLEL_INTERNAL_H
#define REEL_COMM_PARALLEL_INTERNAL_H

#include "core/comm/division.h"
#include "core/comm/parallel.h"
#include "core/comm/share.h"
#include "core/comm/sum_tree.h"
#include "core/comm/window.h"

/* A subtree of this host's ranks: the array of its gradients, and who computes it. */
typedef struct reel_host_leaf {
    int rank;
    reel_window window; /* this rank's own, or joined */
} reel_host_leaf;

/* A maximal subtree of this host's pieces: its sums go to the owners on other hosts. */
typedef struct reel_host_sum {
    reel_sum_tree tree; /* over the host's leaves */
    void *sums;         /* flat array, of which only what is sent is touched; NULL: one leaf */
} reel_host_sum;

/* overlap.h */
typedef struct reel_overlap reel_overlap;

/* A weight whose gradient is made of factors (factors.c). */
typedef struct reel_factored {
    reel_weight_product of; /* rows: of a piece */
    int64_t x, dy;          /* where they begin in the window, in bytes */
    int64_t next, end;      /* rows of the batch that the subtree at hand still writes */
    int64_t written;        /* rows in this step */
    bool travels;           /* in this step, behind computing */
} reel_factored;

struct reel_parallel {
    reel_comm *comm;
    reel_params *params;
    const reel_ctx *ctx;
    int64_t pieces, size; /* of the batch; elements of a flat array */
    size_t element;       /* bytes */
    int64_t *cuts;        /* [ranks + 1] */
    int64_t *first;       /* [ranks + 1] the pieces of each rank */
    reel_pieces mine[REEL_MOST_SUBTREES];
    int n_mine;
    uint64_t seen[REEL_MOST_SUBTREES]; /* which parameters had gradients, by subtree */
    int current;                       /* the subtree that backward writes */
    bool summed;                       /* and not published since */

    reel_window values;
    bool moved_in;          /* the store is bound to the windows */
    int n_leaves, own_leaf; /* of this host, then of other hosts; this rank's first */
    reel_host_leaf *leaves; /* [n_leaves] */
    int n_host_sums;
    reel_host_sum *host_sums;

    /* The final tree: this host's leaves, then other hosts' maximal subtrees, which arrive by
     * message. */
    reel_sum_tree tree;
    int n_all;
    reel_pieces *all; /* [n_all] */
    void **arrays;    /* [n_all] flat arrays; of others, only this rank's share exists */
    void *received;   /* the memory behind the latter */
    size_t received_bytes;

    reel_factored *factored; /* [n_factored] weights whose gradients are made of factors */
    int n_factored;
    reel_window factors; /* of the whole batch; one a host */
    void *product_scratch;
    size_t product_bytes;
    double product_seconds; /* since the creation */

    reel_adder adder;
    size_t adder_bytes;
    reel_overlap *overlap;  /* NULL: one host, or nobody asked for it */
    reel_range_list ranges; /* scratch */
    bool *late;             /* [parameters] scratch */
    reel_bulk sends, receives;
    reel_window *more; /* arrays of reel_parallel_array */
    int n_more;
};

/* This rank's place on its host, and how many ranks that has. */
static inline int reel_parallel_place(const reel_parallel *p, int rank)
{
    return rank - p->comm->first[p->comm->peers[rank].host];
}

/* ---- parallel.c ---- */

/* Which parameters have gradients. */
uint64_t reel_parallel_hash_gradients(const reel_params *params);

/* ---- parallel_memory.c: windows of a host ---- */

/* All ranks: makes the values' and gradients' windows and opens those of the host's other ranks. */
reel_status reel_parallel_share_memory(reel_parallel *p, reel_error *err);
/* One window of `bytes` for each host, made by its leader. */
reel_status reel_parallel_host_window(reel_parallel *p, reel_window *w, size_t bytes, bool reserves,
                                      reel_error *err);
/* The store's values go into the windows, rank 0's; the store is bound to the windows. */
reel_status reel_parallel_move_in(reel_parallel *p, reel_error *err);
/* And back into the store's own memory. */
void reel_parallel_move_out(reel_parallel *p);

/* ---- parallel_plan.c: who adds what ---- */

/* The trees over leaves, and memory for what other hosts send. */
reel_status reel_parallel_plan(reel_parallel *p, reel_error *err);
void reel_parallel_free_plan(reel_parallel *p);

/* ---- parallel_step.c ---- */

/* Begins to receive the sums of a range that this rank owns: each rank of another host sends a part
 * of it, for each maximal subtree of its host. how: tag and within. */
reel_status reel_parallel_receive_sums(const reel_parallel *p, reel_range range,
                                       const reel_range_transfer *how, reel_bulk *bulk,
                                       reel_error *err);

/* ---- factors.c: gradients that are products ---- */

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
/* Whether backward has left some of a weight's rows in this step, but not all, or a gradient
 * besides. */
bool reel_factors_uneven(const reel_parallel *p);

/* Begins the messages of weight f: this rank's rows to every other host, or those of other hosts to
 * this one, of which each of the host's ranks receives a part. */
reel_status reel_factors_send(const reel_parallel *p, int f, int tag, reel_bulk *bulk,
                              reel_error *err);
reel_status reel_factors_receive(const reel_parallel *p, int f, int tag, reel_bulk *bulk,
                                 reel_error *err);
/* All factors are there: this rank's rows of the gradients, in the first of its own arrays. */
void reel_factors_multiply(reel_parallel *p);
/* These weights have gradients now. */
void reel_factors_mark(const reel_parallel *p);

/* ---- overlap.c: the exchange between hosts behind computing ---- */

/* All ranks. NULL in *out: one host, nothing to be done. */
reel_status reel_overlap_make(reel_overlap **out, reel_parallel *p, reel_error *err);
/* Waits for what is under way, unless the comm is broken, ends the thread and frees everything.
 * false: messages are still under way, so that their memory must stay until the process ends. NULL
 * is fine. */
bool reel_overlap_end(reel_overlap *o);
/* A step begins, if it has not. */
void reel_overlap_open(reel_overlap *o);
void reel_overlap_ready(reel_overlap *o, int param);
reel_status reel_overlap_need(reel_overlap *o, int param, reel_error *err);
reel_status reel_overlap_settle(reel_overlap *o, reel_error *err);
/* This rank's gradients are all final. Before all ranks are told so. */
reel_status reel_overlap_all_ready(reel_overlap *o, reel_error *err);
/* Then: waits until the factors of all pieces are on this host. */
reel_status reel_overlap_factors(reel_overlap *o, reel_error *err);
/* Then: waits for what travels early. The next step's plan is the parameters with gradients. */
reel_status reel_overlap_finish(reel_overlap *o, reel_error *err);
/* Waits for it in vain. */
reel_status reel_overlap_drop(reel_overlap *o, reel_error *err);
/* Whether the gradient of a parameter travels early in the step that is open. */
bool reel_overlap_is_planned(const reel_overlap *o, int param);
/* This rank's share of the values is new, of the parameters that pass the test. Returns when all
 * ranks of the host have come here. */
reel_status reel_overlap_publish(reel_overlap *o, reel_param_test *test, reel_error *err);

#endif
