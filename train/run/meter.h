/* Sums over training steps, for the log and the bar. */
#ifndef REEL_TRAIN_METER_H
#define REEL_TRAIN_METER_H

#include <stdint.h>

/* Since the last line of the log. */
typedef struct reel_window {
    double loss, grad_norm; /* sums */
    int64_t right, seen, steps;
    double forward, backward, update; /* seconds */
    double began, waited;             /* when it began; seconds waited for data by then */
} reel_window;

typedef struct reel_meter {
    reel_window window;
    /* Of the current epoch, as far as this process made it. */
    int64_t epoch_seen;
    double epoch_began, epoch_waited;
    double rate, wait; /* images a second, share of the time spent waiting for data */
    /* Of the process. */
    double lr;                         /* of the last step */
    double step_seconds, eval_seconds; /* a smoothed step, the last evaluation */
} reel_meter;

/* now: seconds on a clock; waited: for training data, by this process so far. */
void reel_meter_begin_epoch(reel_meter *m, double now, double waited);
/* n images with this mean loss, `right` of them recognised. */
void reel_meter_add(reel_meter *m, int64_t n, double mean_loss, int64_t right);
void reel_meter_add_step(reel_meter *m, double seconds);
/* Brings rate and wait up to date. */
void reel_meter_update(reel_meter *m, double now, double waited);
/* Something else took `seconds` of the window and of the epoch, and `waited` of them for data. */
void reel_meter_pass(reel_meter *m, double seconds, double waited);
void reel_meter_begin_window(reel_meter *m, double now, double waited);

#endif
