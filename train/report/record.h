/* What a run's folder tells of the run: config.json, metrics.jsonl, evaluation.json. */
#ifndef REEL_TRAIN_REPORT_RECORD_H
#define REEL_TRAIN_REPORT_RECORD_H

#include "core/base.h"

#include <jansson.h>

enum {
    REEL_RECORD_STEP,
    REEL_RECORD_LOSS,
    REEL_RECORD_TOP1,
    REEL_RECORD_TOP5,
    REEL_RECORD_LR,
    REEL_RECORD_RATE, /* images a second */
    REEL_RECORD_WAIT, /* share of the time spent waiting for data */
    REEL_RECORD_EMA,  /* top-1 of the average of weights */
    REEL_RECORD_EMA_LOSS,
    REEL_RECORD_EPOCH,
    REEL_RECORD_COLUMNS
};

/* Columns of numbers, NaN where a line does not tell. */
typedef struct reel_record_table {
    double *column[REEL_RECORD_COLUMNS];
    int64_t n;
} reel_record_table;

typedef struct reel_record {
    json_t *config;     /* config.json */
    json_t *evaluation; /* of the best weights; NULL = none */
    json_t *lines;      /* all of metrics.jsonl */
    reel_record_table train, eval;
    double data, forward, backward, update; /* seconds of all training steps */
} reel_record;

/* REEL_ERR_IO, REEL_ERR_FORMAT: no run's folder. */
reel_status reel_record_read(reel_record *r, const char *folder, reel_error *err);
void reel_record_free(reel_record *r);

/* A value of an object; NaN, or `otherwise`, where it has none. */
double reel_record_number(const json_t *object, const char *key);
const char *reel_record_text(const json_t *object, const char *key, const char *otherwise);
/* The row of `eval` where the average of weights was best: the highest top-1, of these the lowest
 * loss, as best_ema.safetensors. -1: there is no average. */
int64_t reel_record_best_ema(const reel_record *r);
/* Among 5 classes or fewer the true one always is: top-5 says nothing. */
bool reel_record_has_top5(const json_t *evaluation);

#endif
