/* How far a network's probabilities can be trusted.
 *
 * C. Guo et al., "On Calibration of Modern Neural Networks", 2017 (arXiv 1706.04599). Confidence is
 * the probability of the predicted class. Bin m of M = 15 holds the n_m images, of n, whose
 * confidence lies in ((m - 1) / M, m / M]. They have a mean confidence conf(m) and an accuracy
 * acc(m). The expected calibration error is
 *
 *     ECE = sum over m of n_m / n |acc(m) - conf(m)|
 */
#ifndef REEL_TRAIN_CALIBRATION_H
#define REEL_TRAIN_CALIBRATION_H

#include "core/base.h"

#include <jansson.h>

enum { REEL_CALIBRATION_BINS = 15 };

typedef struct reel_calibration_bin {
    int64_t images, right;
    double confidence; /* summed */
} reel_calibration_bin;

/* Zero-initialise. */
typedef struct reel_calibration {
    reel_calibration_bin bin[REEL_CALIBRATION_BINS];
} reel_calibration;

/* Counts one image. A confidence that is not finite is left out. */
void reel_calibration_add(reel_calibration *c, double confidence, bool right);
/* Images, right ones and confidences of all bins together. */
reel_calibration_bin reel_calibration_sum(const reel_calibration *c);
/* ECE, 0 to 1; 0 without images. */
double reel_calibration_error(const reel_calibration *c);
/* {"ece", "confidence", "bins": [{"low", "high", "images", "confidence", "accuracy"}, ...]}: means;
 * null where a bin is empty. NULL = no memory. */
json_t *reel_calibration_json(const reel_calibration *c);
/* "calibration error 3.1 % (mean confidence 81.2 %, accuracy 79.0 %)". Returns text. */
const char *reel_calibration_text(const reel_calibration *c, char *text, size_t size);

#endif
