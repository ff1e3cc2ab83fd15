/* Evaluation as a command: what `reel eval` and `reel train --test-only` share. */
#ifndef REEL_TRAIN_CMD_EVAL_H
#define REEL_TRAIN_CMD_EVAL_H

#include "core/comm/comm.h"
#include "core/ctx.h"

typedef struct reel_eval_request {
    const char *command; /* for messages */
    const char *data, *weights, *arch;
    const char *split;   /* NULL = not asked for (train/cli/eval_data.h) */
    const char *classes; /* file of class names, or NULL */
    int64_t batch;
    int threads, workers;      /* 0 = default */
    int64_t resize, crop;      /* 0 = as the weights say */
    const char *exif;          /* NULL = as the weights say */
    const char *interpolation; /* the same */
    double max_bad;
    reel_precision precision;
    const char *csv;                         /* NULL = none */
    const char *image_column, *label_column; /* of lists; NULL = they are found */
    bool ten_crop, json, quiet;
    double comm_timeout; /* as reel_comm_config's timeout; 0 = its default */
    reel_comm *comm; /* ranks that are connected already, and stay so; NULL: reel_eval connects */
} reel_eval_request;

/* Evaluates, prints, returns the exit code. Under a launcher all ranks call it: each evaluates a
 * part, rank 0 prints and writes. */
int reel_eval(const reel_eval_request *request);

#endif
