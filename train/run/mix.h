/* Mixup and CutMix: a training batch is mixed with itself, rolled by one image, and so are its
 * labels.
 *
 *   Mixup   x[i] <- lambda x[i] + (1 - lambda) x[i-1]               (Zhang et al. 2018)
 *   CutMix  x[i] <- x[i-1] within a box, whose share of the area is 1 - lambda (Yun et al. 2019)
 *   target  t[i] <- lambda onehot(y[i]) + (1 - lambda) onehot(y[i-1]);  x[-1] is the last image
 *
 * as torchvision.transforms.v2.MixUp and CutMix: one lambda ~ Beta(alpha, alpha) a batch; where
 * both are on, each batch takes one of them, with equal chances. All is a function of (seed, epoch,
 * batch). */
#ifndef REEL_TRAIN_MIX_H
#define REEL_TRAIN_MIX_H

#include "core/rng.h"
#include "core/tensor.h"

typedef struct reel_mix_config {
    double mixup_alpha, cutmix_alpha; /* of the Beta distribution; 0 = off */
} reel_mix_config;

/* How one batch is mixed. */
typedef struct reel_mix {
    double lambda; /* an image's own share of its target */
    bool cut;      /* CutMix, with the box x1 <= x < x2, y1 <= y < y2; otherwise Mixup */
    int64_t x1, y1, x2, y2;
} reel_mix;

/* A draw from Beta(alpha, alpha), alpha > 0: X / (X + Y) of two Gamma(alpha, 1) draws, which come
 * from Marsaglia and Tsang's rejection method ("A simple method for generating gamma variables",
 * 2000); for alpha < 1 by their Gamma(alpha + 1) U^(1 / alpha). Exact but for rounding. The draws
 * are kept as logarithms, since X and Y underflow where alpha is small. */
double reel_beta_draw(reel_rng *rng, double alpha);

/* CutMix of images h x w with the box around (x, y): its sides are sqrt(1 - lambda) of the image's,
 * halved and cut to whole pixels on each side of the centre, then cut at the borders. The result's
 * lambda follows from the box. */
reel_mix reel_mix_box(double lambda, int64_t x, int64_t y, int64_t h, int64_t w);

/* The mixing of batch `batch` of an epoch, of images h x w; at least one alpha is above 0. */
reel_mix reel_mix_draw(const reel_mix_config *config, int64_t h, int64_t w, uint64_t seed,
                       int64_t epoch, int64_t batch);

/* Mixes images (n, c, h, w), float32 and channels last, in place. Their bits do not depend on the
 * number of threads, and are torchvision's in float32. */
void reel_mix_images(const reel_tensor *images, const reel_mix *mix, int threads);
/* Fills targets [n][classes]. */
void reel_mix_targets(float *targets, const int64_t *labels, int64_t n, int64_t classes,
                      const reel_mix *mix);
/* The class with the largest share of image i's target; the lower class where they are equal. */
int64_t reel_mix_label(const int64_t *labels, int64_t n, int64_t i, const reel_mix *mix);

#endif
