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

struct reel_parallel {
    reel_comm *comm;
    reel_params *params;
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
/* One window of `bytes` for each host, made by its leader. Not reserved. */
reel_status reel_parallel_host_window(reel_parallel *p, reel_window *w, size_t bytes,
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
