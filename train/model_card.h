/* What a weights file says about itself: network, head, class names, preprocessing. Written into the file's metadata, so that
 * `eval` and `predict` need the file and nothing else. Files from elsewhere carry none: then as much as possible is read off
 * the tensors' names and shapes. */
#ifndef REEL_TRAIN_MODEL_CARD_H
#define REEL_TRAIN_MODEL_CARD_H

#include "core/weights.h"
#include "data/dataset.h"
#include "data/transform.h"
#include "layers/models.h"

#include <jansson.h>

typedef struct reel_model_card {
    const reel_model *model;
    reel_head head;
    int64_t classes;
    char **class_names;           /* [classes], UTF-8; owned; NULL = unknown */
    int64_t image_size;           /* that the net was built for */
    reel_transform preprocessing; /* of evaluation */
} reel_model_card;

const char *reel_head_name(reel_head head); /* "flatten", "gap", "gmp" */
reel_head reel_head_find(const char *name); /* a name from the option table */

void reel_model_card_free(reel_model_card *card);
reel_status reel_model_card_set_classes(reel_model_card *card, const reel_dataset *dataset, reel_error *err);
/* Name of class c, or "class c" written into text. */
const char *reel_model_card_class(const reel_model_card *card, int64_t c, char *text, size_t size);

/* Room for names, and each of them; other text than UTF-8 is written with \xNN. */
reel_status reel_model_card_make_names(reel_model_card *card, int64_t classes, reel_error *err);
reel_status reel_model_card_set_name(reel_model_card *card, int64_t c, const char *name, reel_error *err);

/* Hands every key and value of the card's metadata to put. */
typedef reel_status reel_model_card_put(void *user, const char *key, const char *value, reel_error *err);
reel_status reel_model_card_metadata(const reel_model_card *card, reel_model_card_put *put, void *user, reel_error *err);
reel_status reel_model_card_write(const reel_model_card *card, reel_weights_writer *writer, reel_error *err);
/* arch: the network to take where the file does not say; NULL = alexnet. path is for messages. */
reel_status reel_model_card_read(reel_model_card *card, const reel_weights *weights, const char *arch, const char *path,
                                 reel_error *err);

/* REEL_ERR_INVALID naming what differs where the dataset's classes are not the card's. */
reel_status reel_model_card_matches(const reel_model_card *card, const reel_dataset *dataset, const char *where,
                                    reel_error *err);

/* REEL_ERR_INVALID where the weights were not trained on the card's classes, in its order. path is for messages. */
reel_status reel_model_card_resumes(const reel_model_card *card, const reel_weights *weights, const char *path,
                                    reel_error *err);

/* Builds the net of a weights file and loads it: the whole way from a path. path may be a run's folder: its best weights, else
 * its last. The caller frees card and net. */
reel_status reel_model_open(reel_net **net, reel_model_card *card, const char *path, const char *arch, const reel_ctx *ctx,
                            reel_dtype dtype, reel_error *err);

#endif
