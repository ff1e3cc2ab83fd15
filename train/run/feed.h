/* What a run trains and validates on: datasets, split, and the loader with its workers. */
#ifndef REEL_TRAIN_FEED_H
#define REEL_TRAIN_FEED_H

#include "core/pieces.h"
#include "data/loader.h"

#include <jansson.h>

typedef struct reel_feed_config {
    const char *data;        /* DATA as the user typed it */
    double val_share;        /* of DATA held back where it has no val/; 0 = there must be one */
    int64_t folds, fold;     /* or this fold, from 1, of the training images; folds 0 = none */
    int64_t fold_images;     /* that the folds must divide; 0 = any number */
    const json_t *held_back; /* names that an earlier part of the run held back; NULL = none */
    const char *held_list;   /* the file of these names */
    const char *run_data;    /* DATA as the run was told it; NULL = not known */
    int64_t classes;         /* to expect; 0 = any number */
    const char *image_column, *label_column; /* of lists; NULL = they are found */
    const json_t *known_classes;             /* names; NULL = none; borrowed while it opens */
    bool labels_are_theirs;                  /* numbers in lists are numbers of these classes */
    const char *output_dir;                  /* in DATA it is no class */
    bool names_only;                         /* images are told by their names, as in 0.1.0 */
    int64_t batch, epochs;
    /* The part of a batch that this process loads: `count` pieces of `pieces` from `first` on, all
     * at once or one after the other. */
    int64_t pieces;
    reel_pieces own;
    bool in_turn;
    uint64_t seed;
    bool class_balanced;
    double max_bad;                  /* share of the training images that may be unreadable */
    double slow_read;                /* seconds after which a read is reported */
    int threads;                     /* that compute beside the workers */
    int workers;                     /* that load */
    int prefetch;                    /* batches of a loader; 0 = its default */
    const reel_transform *transform; /* of training images; borrowed */
    /* As reel_loader_config's; unreadable training images and slow reads of any loader. */
    void (*on_bad)(void *user, int64_t index, const char *name, const char *reason);
    void (*on_slow)(void *user, int64_t index, const char *name, double seconds);
    void *user;
} reel_feed_config;

typedef struct reel_feed {
    reel_feed_config config;
    reel_dataset *train, *val;
    /* Where lists say what the images are: the file that lists the validation images; "." = that of
     * the training images. Empty: no list, or nothing but a part that was held out. */
    char val_list[256];
    reel_dataset *whole;  /* train and val are views of it; NULL where DATA has both */
    reel_loader *loader;  /* of the training images; NULL = closed */
    double waited_before; /* seconds, on loaders that are closed */
} reel_feed;

/* Opens the datasets, checks their classes and warns of what looks odd. */
reel_status reel_feed_open(reel_feed *f, const reel_feed_config *config, reel_error *err);
/* Whether a resumed run validates on the list that it began with: its best checkpoint was the best
 * on these images. then: val_list at its beginning, or NULL for a run of an earlier version, which
 * tells only how many images there were (images_then; 0 = not known). REEL_ERR_INVALID: it does
 * not. */
reel_status reel_feed_check_list(const reel_feed *f, const char *then, int64_t images_then,
                                 reel_error *err);
/* With folds: some fold trains without a class of one image, which then has no balanced weight. The
 * first fold says so (REEL_ERR_INVALID), before others have trained for nothing. */
reel_status reel_feed_check_lone_images(const reel_feed *f, reel_error *err);
void reel_feed_close(reel_feed *f);

/* Images of a whole batch: fewer images than --batch-size make one batch. */
int64_t reel_feed_batch_images(const reel_feed *f);
/* An incomplete last batch is dropped. */
int64_t reel_feed_batches_per_epoch(const reel_feed *f);

/* The training batches from batch `first` of the epoch on. Their contents do not depend on threads
 * and workers, so the loader may be replaced by another one at any batch. */
reel_status reel_feed_start(reel_feed *f, int64_t epoch, int64_t first, reel_error *err);
/* The images of this process in the next batch, or those of its next piece where pieces come one
 * after the other; batch->index is that of the whole batch. */
reel_status reel_feed_next(reel_feed *f, reel_batch *batch, reel_error *err);
/* The same, from a loader of reel_feed_start_aside. */
reel_status reel_feed_next_aside(const reel_feed *f, reel_loader *loader, reel_batch *batch,
                                 reel_error *err);
void reel_feed_stop(reel_feed *f);
double reel_feed_waited(const reel_feed *f); /* seconds spent waiting for training data so far */

/* A second loader of the same batches, silent about unreadable images; the caller destroys it. */
reel_status reel_feed_start_aside(const reel_feed *f, reel_loader **out, int64_t epoch,
                                  int64_t first, reel_error *err);
/* The first n training images of an epoch as one batch of the loader, which the caller destroys. */
reel_status reel_feed_peek(const reel_feed *f, reel_loader **out, reel_batch *batch, int64_t epoch,
                           int64_t n, reel_error *err);

/* Do the workers take turns with the compute threads (share.h)? */
bool reel_feed_in_turns(const reel_feed *f);

#endif
