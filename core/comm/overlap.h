/* The exchange between hosts, behind computing. Private to core/comm.
 *
 * The flat arrays are cut into buckets of about 4 MB, each of one owner. A thread, one a process,
 * sends the sums of a bucket as soon as its gradients are final on all ranks of the host, and the
 * new weights as soon as they are there. Messages of bucket b have a tag of their own, so ranks may
 * begin buckets in any order.
 *
 * Which parameters travel early: those that had a gradient in the last sum, which all ranks know.
 * They travel in every step, whatever becomes of it. What has a gradient besides follows in
 * reel_parallel_sum, by the thread of the program.
 *
 * The factors of a weight (factors.c) travel like a bucket: once a rank's own rows are there, to
 * all other hosts. Those of all weights that are trained travel in every step.
 *
 * Who may touch what:
 *   - the program's thread: fields marked M;
 *   - the overlap's thread: fields marked T, from reel_overlap_make to reel_overlap_end;
 *   - fields marked L: whoever holds the lock;
 *   - M is read by the other thread only after a request (L) that follows the last write;
 *   - flags of the window: atomic. A rank writes its own row; a release store comes after the
 *     memory that it tells about, an acquire load before. */
#ifndef REEL_COMM_OVERLAP_H
#define REEL_COMM_OVERLAP_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/comm/parallel_internal.h"

enum {
    REEL_BUCKET_BYTES = 4 << 20,
    REEL_MOST_BUCKETS = 8192 /* of one owner's share: tags are few */
};

/* Elements of one owner. Buckets ascend. */
typedef struct reel_bucket {
    reel_range range;
    int owner;
} reel_bucket;

/* The messages of a bucket in one direction. */
typedef struct reel_flow {
    reel_bulk bulk;
    int64_t next; /* the first that is under way */
    bool active;
} reel_flow;

typedef enum {
    REEL_VALUES_IN,
    REEL_VALUES_OUT,
    REEL_SUMS_IN,
    REEL_SUMS_OUT,
    REEL_FLOWS
} reel_flow_kind;

/* What a rank tells the others of its host. Steps and rounds count from 1. */
typedef _Atomic uint64_t reel_flag;
typedef struct reel_flag_row {
    reel_flag *entered; /* rounds and steps that it has entered or dropped */
    reel_flag *ready;   /* [flows] the newest step whose gradients, or factors, are final */
    reel_flag *arrived; /* [buckets] the newest round whose values are there: its part */
} reel_flag_row;

struct reel_overlap {
    reel_parallel *p;
    char *block;          /* the memory of all lists below; owned */
    reel_bucket *buckets; /* [n] */
    int n, n_flows;       /* flow n + f: the factors of weight f */
    int *first, *last;    /* [parameters] the buckets that hold a part of it; last < first: none */
    reel_window window;
    reel_flag_row *rows; /* [ranks of the host] */
    int n_rows, own_row;

    /* M */
    bool *planned;  /* [parameters] travels early */
    bool *told;     /* [parameters] its gradient is final in this step */
    int *missing;   /* [n] parameters of the bucket that are planned and not told */
    uint64_t *seen; /* [n] the newest round of which all values were seen */
    bool open;      /* a step has begun that is neither summed nor dropped */
    uint64_t step, round, entered;
    reel_range_list sums, values; /* elements that travel in a step, and in a round */

    /* T */
    reel_flow *flows[REEL_FLOWS]; /* [n_flows] */
    int active[REEL_FLOWS];
    uint64_t step_begun, round_begun;
    bool *sent; /* [n_flows] sums of this step */
    int to_send;
    reel_adder adder;

    pthread_t thread;
    bool runs, threads_made; /* M */
    pthread_mutex_t lock;
    pthread_cond_t wake, changed; /* for the thread; for the program */
    /* L */
    uint64_t step_asked, round_asked, step_done, round_done;
    uint64_t factors_done; /* the newest step whose factors have come: this rank's part */
    bool stirred;          /* a bucket of the step is ready, or all are */
    bool waiting;          /* the program can do nothing else */
    bool closing;
    reel_error failure;
};

/* The thread (overlap_flow.c). */
void *reel_overlap_run(void *overlap);

#endif
