/* The folder that people hand over: DATA/train and DATA/val (or validation), each with a folder per
 * class. */
#ifndef REEL_TRAIN_DATA_DIR_H
#define REEL_TRAIN_DATA_DIR_H

#include "data/dataset.h"

/* What there is to train on, where DATA has no val: DATA/train, or DATA itself with its folder per
 * class. */
reel_status reel_data_open_whole(reel_dataset **out, const char *data, char *path, size_t size,
                                 reel_error *err);
bool reel_data_has_val(const char *data);

/* split: "train", "val", "test". path receives where it was found. REEL_ERR_IO: no such folder; the
 * message says what was expected. */
reel_status reel_data_open(reel_dataset **out, const char *data, const char *split, char *path,
                           size_t size, reel_error *err);

#endif
