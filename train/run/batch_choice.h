/* --batch-size auto: the power of two with which this machine trains the most images a second. */
#ifndef REEL_TRAIN_BATCH_CHOICE_H
#define REEL_TRAIN_BATCH_CHOICE_H

#include "train/run/loop.h"

enum { REEL_BATCH_TRIALS = 7 }; /* 8, 16, ..., 512 */

typedef struct reel_batch_choice {
    int64_t batch[REEL_BATCH_TRIALS];
    double rate[REEL_BATCH_TRIALS]; /* images a second */
    int trials;
    int64_t chosen;
    char ended[300]; /* why no larger size was tried; "" = all were */
} reel_batch_choice;

/* Tries sizes up to 512 and up to the number of training images, the smallest first: each is
 * planned (it must fit into memory, and within --memory), then takes some steps on drawn images.
 * Larger sizes are left out behind two that were slower than the best. loop: opened with
 * `settings`, whose batch_size is the size at hand; the loop is spent. REEL_ERR_MEMORY: not even 8
 * fit. REEL_ERR_STOPPED: a signal came. */
reel_status reel_batch_choose(reel_batch_choice *c, reel_loop *loop, reel_settings *settings,
                              reel_error *err);
/* "8: 31.2, 16: 44.0 images/s": what was tried. Returns text. */
const char *reel_batch_choice_text(const reel_batch_choice *c, char *text, size_t size);
json_t *reel_batch_choice_json(const reel_batch_choice *c);

#endif
