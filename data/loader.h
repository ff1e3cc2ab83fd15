/* The prefetcher: worker threads fill a bounded ring of batches; the caller takes them in order.
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

/* A loader belongs to one thread at a time; reel_loader_sample_seconds may be called by any.
 * Several loaders of one dataset may run at the same time. */
typedef struct reel_loader reel_loader;

/* Start from reel_loader_config_default: max_bad is meaningful at 0. */
typedef struct reel_loader_config {
    int64_t batch; /* samples a batch; 0 = 128 */
    int workers;   /* threads; 0 = 2 */
    int prefetch;  /* batches in the ring; 0 = workers + 2 */
    uint64_t seed;
    bool shuffle;         /* permutation from (seed, epoch) */
    bool drop_last;       /* leave out an incomplete last batch */
    int64_t epoch, first; /* where to begin: epoch, and batch within it */
    int64_t epochs;       /* end after this many epochs, counted from epoch 0; 0 = go on for ever */
    int64_t batches;      /* end after this many batches, too; 0 = no such limit */
    /* The share of the dataset's samples that may be unreadable, 0 to 1. One sample always may. */
    double max_bad;
    /* Called for every bad sample, by the thread that calls next, in order: index, its name, the
     * reason. May be NULL. */
    void (*on_bad)(void *user, int64_t index, const char *name, const char *reason);
    void *user; /* for on_bad and on_slow */
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
     * to two in an epoch) in epochs of as many samples as the dataset has. Samples of small classes
     * are repeated, with other augmentation each time. A bad sample's place goes to its class where
     * that has another sample. */
    bool class_balanced;
    /* A part of larger batches, for several loaders that share them or for one that goes through
     * them in turns: of each `whole` samples the loader yields `parts` batches, one behind the
     * other, from sample `part` on. Samples, their order and their augmentation are those of a
     * loader of whole batches. `whole` 0: batches are whole. Else with drop_last, and part + parts
     * x batch <= whole; parts 0 = 1. */
    int64_t whole, part, parts;
} reel_loader_config;

/* 128 samples a batch, 2 workers, in order, for ever; 1 % of the samples may be bad. */
REEL_API reel_loader_config reel_loader_config_default(void);

/* A batch of n samples: a view into the ring, valid until the next call of next or destroy. */
typedef struct reel_batch {
    /* (n * views, channels, size, size) float32, channels last; a sample's views lie side by side.
     */
    reel_tensor images;
    const int64_t *labels;  /* (n) */
    const int64_t *indices; /* (n): places in the dataset, of the replacement where one was bad */
    int64_t n;
    int64_t epoch, index; /* batch `index` of epoch `epoch`; parts of a whole count one by one */
    int64_t bad;          /* samples replaced in this batch */
} reel_batch;

/* dataset is borrowed, transform and config are copied. REEL_ERR_INVALID: a setting that cannot
 * work, no samples, fewer samples than a batch with drop_last; REEL_ERR_MEMORY, also where no
 * thread could be started. */
REEL_API reel_status reel_loader_create(reel_loader **out, const reel_dataset *dataset,
                                        const reel_transform *transform,
                                        const reel_loader_config *config, reel_error *err);
/* Stops and joins the workers, at any moment; waits for at most one sample a worker. */
REEL_API void reel_loader_destroy(reel_loader *loader);

/* The next batch; n = 0 when all epochs are done. A bad sample is replaced by another one of the
 * dataset, chosen from (seed, epoch, index). REEL_ERR_BAD_DATA: more samples were bad
 * than are allowed: max_bad of all, or 5 (of fewer than 50 a tenth; with max_bad 0 one). After an
 * error every call fails with the same. */
REEL_API reel_status reel_loader_next(reel_loader *loader, reel_batch *batch, reel_error *err);

REEL_API int64_t reel_loader_batches_per_epoch(const reel_loader *loader);
/* Seconds that the caller has spent waiting in next so far. */
REEL_API double reel_loader_wait_seconds(const reel_loader *loader);
/* Seconds of one core that a sample took a worker, on average so far; 0 = none is loaded yet. */
REEL_API double reel_loader_sample_seconds(const reel_loader *loader);
/* Loaded images that their EXIF data turns, where the transform does not; *loaded: of how many. */
REEL_API int64_t reel_loader_sideways(const reel_loader *loader, int64_t *loaded);
/* Distinct bad samples so far. */
REEL_API int64_t reel_loader_bad_count(const reel_loader *loader);

#ifdef __cplusplus
}
#endif
#endif
