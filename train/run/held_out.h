/* The validation images of a run whose DATA has no val/: split.json in its folder names them. */
#ifndef REEL_TRAIN_HELD_OUT_H
#define REEL_TRAIN_HELD_OUT_H

#include "data/dataset.h"

#include <jansson.h>

/* How the held out images were drawn. */
typedef struct reel_held_out_draw {
    uint64_t seed;
    double share;        /* of each class */
    int64_t folds, fold; /* or one of these folds, from 1; 0 = a share */
} reel_held_out_draw;

/* The names in a split.json as the keys of an object, to be freed. *names NULL: there is no such
 * file. A file that cannot be read is an error, and so is one that was drawn with another share,
 * number of folds or fold (draw NULL: any will do): a new split would validate on images that were
 * trained on. With another seed, the same images stay held out. */
reel_status reel_held_out_read(json_t **names, const char *path, const reel_held_out_draw *draw,
                               reel_error *err);

/* Splits `whole` as `names` say. An image that came or went since does not move the others: what
 * was trained on would be validated on. *val NULL: names leave no image on one side, nothing is
 * made. */
reel_status reel_held_out_split(reel_dataset **train, reel_dataset **val, const reel_dataset *whole,
                                const json_t *names, reel_error *err);

/* How many of the names are images in `whole`. */
int64_t reel_held_out_count(const reel_dataset *whole, const json_t *names);

reel_status reel_held_out_write(const reel_dataset *val, const reel_held_out_draw *draw,
                                const char *path, reel_error *err);

#endif
