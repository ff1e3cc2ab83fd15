/* The ring that the loader's caller (loader.c) and its workers (loader_worker.c) share. Everything
 * here but the pixels and labels of a batch in the making is guarded by the mutex. */
#ifndef REEL_DATA_LOADER_INTERNAL_H
#define REEL_DATA_LOADER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "data/balance.h"
#include "data/loader.h"

/* A sample that could not be had, found while position `place` of a batch was filled. */
typedef struct reel_bad {
    int64_t place, try; /* try 0: the sample itself; then the replacements that were bad too */
    int64_t index;
    char *reason;
} reel_bad;

typedef struct reel_slot {
    float *images;
    int64_t *labels, *indices;
    int64_t number; /* which batch, counted from epoch 0; -1 = none yet */
    int64_t epoch, n, assigned, done;
    reel_bad *bad;
    int64_t n_bad, bad_capacity;
    reel_error fatal; /* what makes the whole batch fail, of the first place it happened at */
    int64_t fatal_place;
} reel_slot;

typedef struct reel_desk { /* what a worker is at */
    int64_t index;         /* -1 = nothing */
    double since;          /* of the monotonic clock */
    bool told;             /* on_slow was called */
} reel_desk;

struct reel_loader {
    const reel_dataset *dataset;
    reel_transform transform; /* resolved */
    reel_loader_config config;
    int64_t count, per_epoch, pixels;
    int64_t places; /* of an epoch: all samples, or those of whole batches */

    pthread_mutex_t mutex;
    pthread_cond_t work, ready; /* workers wait for work, the caller for a batch */
    atomic_bool stop;
    pid_t process; /* whose threads the workers are: a child has none of them */
    pthread_t *threads;
    int started;
    reel_desk *desks; /* one a worker */
    int seated;       /* desks that are taken */

    reel_slot *ring;
    int64_t slots;
    int64_t opened;   /* number of the batch that is handed out to workers; opened + 1 comes next */
    int64_t released; /* batches below this number were given back by the caller */
    int64_t end;      /* batches from this number on do not exist */
    int64_t *order;   /* permutation of order_epoch */
    int64_t order_epoch;
    reel_balance *balance; /* NULL = every sample comes once */
    int64_t wanted;        /* in turns: batches up to this number may be opened */
    double busy;           /* seconds that workers spent on `filled` samples */
    int64_t filled;
    int64_t sideways; /* of these, stored turned, and taken as they lie */

    /* The caller's alone. */
    int64_t current;
    bool held;
    uint8_t *known_bad; /* one bit a sample */
    int64_t bad_count;
    double waited;
    reel_error failure; /* once failed, next goes on failing */
};

double reel_loader_clock(void); /* seconds, monotonic */

/* A worker's thread; argument: the loader. */
void *reel_loader_work(void *loader);

#endif
