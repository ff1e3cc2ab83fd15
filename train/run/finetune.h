/* What a fine-tuning run does besides training: starting from weights of a net with another head,
 * holding images back for validation, groups of parameters that are frozen or learn faster. */
#ifndef REEL_TRAIN_FINETUNE_H
#define REEL_TRAIN_FINETUNE_H

#include "train/run/trainer.h"

/* Epochs for so many training images, where nobody says: about 24,000 images in all, 5 to 40
 * passes. */
int64_t reel_finetune_epochs(int64_t images);

/* Loads what fits of the weights and says what was loaded, replaced and left out. A head that fits
 * was all the same made for other classes where the card has other names: it starts anew, too. */
reel_status reel_finetune_start(reel_trainer *t, const reel_weights *weights,
                                const reel_model_card *card, const char *path, reel_error *err);

/* Opens t->train and t->val as views of what DATA has: a resumed run's as its split.json says. */
reel_status reel_finetune_split(reel_trainer *t, const char *data, reel_error *err);
/* Writes RUN/split.json: which images were held back. */
reel_status reel_finetune_record(const reel_trainer *t, reel_error *err);

#endif
