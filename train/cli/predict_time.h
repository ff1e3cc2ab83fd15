/* Where the time of `reel predict` goes: one line on stderr, and an object for --json. */
#ifndef REEL_TRAIN_PREDICT_TIME_H
#define REEL_TRAIN_PREDICT_TIME_H

#include <jansson.h>

typedef enum {
    REEL_PREDICT_START,   /* from the process's start until the weights are opened */
    REEL_PREDICT_WEIGHTS, /* reading and checking them, building the network */
    REEL_PREDICT_DECODE,  /* from image files to pixels of the batch */
    REEL_PREDICT_NETWORK, /* from pixels to probabilities */
    REEL_PREDICT_PARTS
} reel_predict_part;

typedef struct reel_predict_time {
    double seconds[REEL_PREDICT_PARTS];
    double mark; /* where the present part began */
} reel_predict_time;

/* Begins the clock. The part `start` gets the processor time so far: loading the program from
 * a warm page cache waits for nothing. */
void reel_predict_time_begin(reel_predict_time *t);
/* Another part begins, or part of the work that none counts. */
void reel_predict_time_mark(reel_predict_time *t);
/* The time since the last mark belongs to the part; marks. */
void reel_predict_time_add(reel_predict_time *t, reel_predict_part part);

void reel_predict_time_say(const reel_predict_time *t);
/* {"start": seconds, ...}; NULL where t is, or memory is out. */
json_t *reel_predict_time_json(const reel_predict_time *t);

#endif
