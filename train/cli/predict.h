/* What `reel predict` works with: a network, the batch that is being gathered, and what becomes of
 * the answers. */
#ifndef REEL_TRAIN_PREDICT_H
#define REEL_TRAIN_PREDICT_H

#include "data/transforms/transform.h"
#include "layers/net.h"
#include "train/cli/annotate.h"
#include "train/cli/image_list.h"
#include "train/cli/options.h"
#include "train/cli/predict_features.h"
#include "train/cli/predict_show.h"
#include "train/cli/predict_time.h"
#include "train/cli/sorted_copy.h"
#include "train/cli/stdin_images.h"

typedef struct reel_predictor {
    const reel_options *options;
    reel_ctx *ctx;
    reel_net *net;
    reel_tape *tape;
    reel_model_card card;
    reel_transform look;
    reel_image_list images;
    reel_stdin_images stdin_images;
    bool reads_stdin; /* `-` is among the arguments */
    reel_bytes bytes; /* of the image at hand */
    reel_transform_scratch scratch;
    float *batch, *averaged; /* images; scores of their views together */
    int64_t channels, views; /* of an image: 1 or 3; 1 or 10 */
    char **names;            /* of the images in the batch; owned */
    int64_t *order;          /* classes by probability */
    int64_t n, most;         /* in the batch; at most there */
    reel_show show;
    reel_predict_time time;
    int64_t predicted;           /* images that went through the network */
    reel_sorted_copy copies;     /* of --copy-into */
    int64_t copied, unsure;      /* pictures; below --min-probability */
    reel_annotate pictures;      /* of --annotate */
    reel_feature_file *features; /* of --features; NULL = not asked for */
} reel_predictor;

/* Adds the image to the batch, which runs when it is full. An unreadable image is named, and the
 * others go on; a failure ends the command. */
reel_status reel_predict_add(reel_predictor *p, const char *name, const reel_bytes *bytes,
                             reel_error *err);
/* The same from a file. from_stdin: the name was read there. */
reel_status reel_predict_add_file(reel_predictor *p, const char *path, bool from_stdin,
                                  reel_error *err);
/* The images gathered so far through the network; nothing where there are none. */
reel_status reel_predict_batch(reel_predictor *p, reel_error *err);
/* Drops the images gathered so far. */
void reel_predict_forget(reel_predictor *p);

#endif
