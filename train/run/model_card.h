/* A card's class names against a dataset's. The card itself: core/files/model_card.h; from a path
 * to a net: layers/model_file.h. */
#ifndef REEL_TRAIN_MODEL_CARD_H
#define REEL_TRAIN_MODEL_CARD_H

#include "data/dataset.h"
#include "data/transforms/transform.h"
#include "layers/model_file.h"

/* The card's names are the dataset's; other text than UTF-8 is written with \xNN. */
reel_status reel_model_card_set_classes(reel_model_card *card, const reel_dataset *dataset,
                                        reel_error *err);

/* REEL_ERR_INVALID naming what differs where the dataset's classes are not the card's. */
reel_status reel_model_card_matches(const reel_model_card *card, const reel_dataset *dataset,
                                    const char *where, reel_error *err);

#endif
