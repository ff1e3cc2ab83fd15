/* From options, recipe, weights and a resumed run to the settings of a run. */
#ifndef REEL_TRAIN_TRAIN_READ_H
#define REEL_TRAIN_TRAIN_READ_H

#include "train/cli/train_resume.h"
#include "train/cli/train_settings.h"

/* In config.json: files without an image's extension are images if their bytes say so. */
#define REEL_TOLD_BY_BYTES "images_told_by_bytes"

/* What a run takes from weights or a checkpoint, beside presets. */
typedef struct reel_brought {
    json_t *classes; /* their names; NULL = unknown */
    char *network;   /* its text; NULL = none */
} reel_brought;

/* All presets of the run, then its settings. Prints what is wrong; returns the exit code. b: what
 * is known before DATA is opened; to be freed. */
int reel_train_read_settings(reel_settings *settings, reel_options *options,
                             const reel_resumed_run *r, const char *data, reel_brought *b,
                             bool finetune);

#endif
