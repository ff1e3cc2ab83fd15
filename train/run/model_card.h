/* A card's class names against a dataset's. The card itself: core/files/model_card.h; from a path
 * to a net: layers/model_file.h. */
#ifndef REEL_TRAIN_MODEL_CARD_H
#define REEL_TRAIN_MODEL_CARD_H

#include "data/dataset.h"
#include "data/transforms/transform.h"
#include "layers/model_file.h"

#include <jansson.h>

/* The card's names are the dataset's; other text than UTF-8 is written with \xNN. */
reel_status reel_model_card_set_classes(reel_model_card *card, const reel_dataset *dataset,
                                        reel_error *err);

/* The card's names; where it has none, the numbers of its classes. NULL = no memory. */
json_t *reel_model_card_names_json(const reel_model_card *card);
/* Opens the data that weights are to be measured on: labels mean what they do in the card, and the
 * classes are in its order. path (REEL_DATA_PATH bytes): where it was found. */
reel_status reel_model_card_dataset(const reel_model_card *card, reel_dataset **out,
                                    const reel_data_request *request, char *path, reel_error *err);

/* REEL_ERR_INVALID naming what differs where the dataset's classes are not the card's. */
reel_status reel_model_card_matches(const reel_model_card *card, const reel_dataset *dataset,
                                    const char *where, reel_error *err);

#endif
