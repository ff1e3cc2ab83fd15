/* The images that an evaluation is about. */
#ifndef REEL_TRAIN_EVAL_DATA_H
#define REEL_TRAIN_EVAL_DATA_H

#include "data/dataset.h"
#include "train/run/model_card.h"

typedef struct reel_eval_data {
    reel_dataset *images;
    reel_dataset *whole; /* what `images` is a part of; NULL: it is no part */
    char folder[REEL_DATA_PATH];
} reel_eval_data;

/* Opens what `request` asks for, with the classes of the card. Where DATA has no validation images:
 *
 * - "val" is what the run of the weights held out, as split.json beside the weights lists it, and
 *   "train" is the rest;
 * - "all" is every image;
 * - a NULL split is what the run held out, else every image.
 *
 * Any other split, and NULL where DATA has validation images: as reel_dataset_open_as, "val" for
 * NULL. quiet: does not say which images were taken. REEL_ERR_IO: there is no such split. */
reel_status reel_eval_data_open(reel_eval_data *d, const reel_model_card *card,
                                const reel_data_request *request, const char *weights, bool quiet,
                                reel_error *err);
void reel_eval_data_close(reel_eval_data *d);

#endif
