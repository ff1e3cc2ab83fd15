/* The prefetcher: worker threads fill a bounded ring of preallocated batches; the caller takes them
 * in order.
 *
 * Contents and order of batches are a function of (dataset, transform, seed, epoch, position) only:
 * not of the number of workers, nor of how far a previous loader had come. */
#ifndef REEL_DATA_LOADER_H
#define REEL_DATA_LOADER_H

#include "core/tensor.h"
#include "data/dataset.h"
#include "data/transforms/transform.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_loader reel_loader;

typedef struct reel_loader_config {
    int64_t batch; /* samples a batch; 0 = 128 */
    int workers;   /* 0 = 2 */
    int prefetch;  /* batches in the ring; 0 = workers + 2 */
    uint64_t seed;
    bool shuffle;         /* permutation from (seed, epoch) */
    bool drop_last;       /* leave out an incomplete last batch */
    int64_t epoch, first; /* where to begin: epoch, and batch within it */
    int64_t epochs; /* end after this many epochs (counted from epoch 0); 0 = go on for ever */
    double max_bad; /* share of a dataset's samples that may be unreadable; 0 = 0.01 */
    /* Called for every bad sample, by the thread that calls next, in order: index, its name, the
     * reason. May be NULL. */
    void (*on_bad)(void *user, int64_t index, const char *name, const char *reason);
    void *user;
    /* Called by the thread that waits in next, once for each sample that a worker has been at for
     * more than slow_seconds: its disk or server does not answer. Nothing is replaced or given up:
     * the batch comes when the sample does. May be NULL. */
    void (*on_slow)(void *user, int64_t index, const char *name, double seconds);
    double slow_seconds; /* 0 = 30 */
    /* Workers load only while the caller waits in next: for a caller that keeps every core busy in
     * between. Threads that load at the same time would take cores from a computation that is
     * divided evenly among them, and all of it waits for the slowest. */
    bool in_turns;
    /* With shuffle: every class that has samples comes equally often (to one sample over the run,
     * to two in an epoch) in epochs of as many samples as the dataset has; those of small classes
     * are repeated, with other augmentation each time. A bad sample's place goes to its class where
     * that has another one. */
    bool class_balanced;
} reel_loader_config;

/* A batch: a view into the ring, valid until the next call of next or destroy. */
typedef struct reel_batch {
    reel_tensor images; /* (n * views, 3, size, size) float32, channels-last; a sample's views side
                           by side */
    const int64_t *labels; /* n */
    const int64_t
        *indices; /* n: places in the dataset (of the replacement where a sample was bad) */
    int64_t n;
    int64_t epoch, index; /* batch `index` of epoch `epoch` */
    int64_t bad;          /* samples replaced in this batch */
} reel_batch;

/* dataset and transform are borrowed / copied. REEL_ERR_INVALID: fewer samples than a batch with
 * drop_last. */
REEL_API reel_status reel_loader_create(reel_loader **out, const reel_dataset *dataset,
                                        const reel_transform *transform,
                                        const reel_loader_config *config, reel_error *err);
/* Stops and joins the workers, at any moment. */
REEL_API void reel_loader_destroy(reel_loader *loader);

/* The next batch; n = 0 when all epochs are done. A bad sample is replaced by another one of the
 * dataset, chosen from (seed, epoch, index); REEL_ERR_BAD_DATA once more than max_bad of them (and
 * more than one) were bad. */
REEL_API reel_status reel_loader_next(reel_loader *loader, reel_batch *batch, reel_error *err);

REEL_API int64_t reel_loader_batches_per_epoch(const reel_loader *loader);
REEL_API double reel_loader_wait_seconds(
    const reel_loader *loader); /* time the caller has spent waiting in next so far */
/* Seconds of one core that a sample took a worker, on average so far; 0 = none is loaded yet. */
REEL_API double reel_loader_sample_seconds(const reel_loader *loader);
REEL_API int64_t
reel_loader_bad_count(const reel_loader *loader); /* distinct bad samples met so far */

#ifdef __cplusplus
}
#endif
#endif
