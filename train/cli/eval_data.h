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

/* Opens what `request` asks for, with the classes of the card:
 *
 * - "all" of a DATA without validation images: every image;
 * - "val" of a DATA without validation images: those that the run of the weights held out, as
 *   split.json beside the weights lists them; "train": the others;
 * - any other split: as reel_dataset_open_as.
 *
 * quiet: does not say which images are held out. REEL_ERR_IO: DATA has no such split; the message
 * says what can be asked for. REEL_ERR_INVALID: DATA has none of the images that were held out. */
reel_status reel_eval_data_open(reel_eval_data *d, const reel_model_card *card,
                                const reel_data_request *request, const char *weights, bool quiet,
                                reel_error *err);
void reel_eval_data_close(reel_eval_data *d);

#endif
