/* Pictures of what a net has learnt: what in an image speaks for a class. Its first layer's
 * filters: train/run/filters.h. */
#ifndef REEL_TRAIN_REPORT_INSIGHT_H
#define REEL_TRAIN_REPORT_INSIGHT_H

#include "data/image.h"
#include "data/transforms/transform.h"
#include "layers/net.h"
#include "train/run/filters.h"

/* What a net says of images (n, c, size, size), REEL_F32, and why: the class with the highest
 * score, its probability, and the saliency map max over channels of |d score / d pixel| (Simonyan,
 * Vedaldi and Zisserman 2014), scaled to 0..255 by its 99.5th percentile. */
typedef struct reel_saliency {
    int64_t *predicted;  /* [n] */
    double *probability; /* [n] */
    uint8_t *map;        /* [n][size][size] */
} reel_saliency;
reel_status reel_saliency_of(reel_saliency *out, reel_net *net, const reel_tensor *images,
                             reel_error *err);
void reel_saliency_free(reel_saliency *s);

/* Pixels of what reel_transform made of an image: its normalisation taken back. */
reel_status reel_pixels_of(reel_image *out, const float *image, const reel_transform *t,
                           reel_error *err);

#endif
