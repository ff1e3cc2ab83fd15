/* Starting from weights: all of them, or, for fine-tuning, what fits of a network with another last
 * layer. */
#ifndef REEL_TRAIN_FINETUNE_H
#define REEL_TRAIN_FINETUNE_H

#include "data/dataset.h"
#include "layers/model_file.h"

/* Epochs for so many training images, where --epochs is not given: about 24,000 images in all, 5 to
 * 40 passes. */
int64_t reel_finetune_epochs(int64_t images);

/* A file of weights to start from. */
typedef struct reel_finetune_source {
    const reel_weights *weights;
    const reel_model_card *card; /* what the file says of its network */
    const char *path, *arch;     /* for messages: the file, the network to load into */
    bool whole;                  /* every tensor must fit; else, at least one */
} reel_finetune_source;

/* Loads the weights; unless quiet, prints what was loaded, replaced and left out. A last layer that
 * fits but was trained for other classes (the card has as many, with other names) keeps the values
 * that it has. */
reel_status reel_finetune_load(reel_net *net, const reel_dataset *train,
                               const reel_finetune_source *source, bool quiet, reel_error *err);

#endif
