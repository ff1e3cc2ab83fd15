/* What a training run is told to do, read off the options of `reel train`. */
#ifndef REEL_TRAIN_SETTINGS_H
#define REEL_TRAIN_SETTINGS_H

#include "data/transforms/transform.h"
#include "layers/models.h"
#include "optim/optim.h"
#include "train/cli/options.h"

typedef enum { REEL_ON_NAN_STOP, REEL_ON_NAN_SKIP, REEL_ON_NAN_ROLLBACK } reel_on_nan;

typedef struct reel_settings {
    const reel_model *model;
    reel_model_config net; /* classes are filled in when the data is known */
    const char *recipe;
    reel_transform train, val;
    int64_t batch, accumulate, epochs;
    int64_t max_steps; /* of the whole run; 0 = no limit */
    double max_time;   /* seconds of this process; 0 = no limit */
    int threads, workers;
    bool choose_workers; /* neither was given: the trainer may settle on others once it has measured
                          */
    uint64_t seed;
    bool class_balanced; /* every class equally often in an epoch */
    reel_optimizer_config optimizer;
    double bias_lr_mult, bias_decay_mult;
    reel_schedule schedule; /* steps_per_epoch is filled in when the data is known */
    double label_smoothing, clip_norm, max_bad;
    double slow_read; /* seconds */
    reel_on_nan on_nan;
    int64_t keep, checkpoint_every, log_every;
    const char *weights, *output_dir, *resume;
    bool locked; /* output_dir is, by the caller */
    /* fine-tuning */
    const char *freeze;     /* patterns, separated by commas; NULL = none */
    int64_t unfreeze_after; /* epochs; 0 = never */
    double head_lr_mult;
    int64_t early_stop; /* epochs without a better validation; 0 = off */
    double val_share;   /* of DATA held back where it has no val/; 0 = there must be one */
    bool replace_head;  /* take from the weights what fits */
    bool fit_to_data;   /* initial weights: reel_net_calibrate on a first batch */
    bool test_only, json, quiet;
} reel_settings;

reel_exif reel_exif_from(const char *name); /* "ignore" or "apply", or NULL = ignore */

/* REEL_ERR_INVALID: options that do not go together. Texts point into the options. */
reel_status reel_settings_read(reel_settings *s, const reel_options *options, reel_error *err);

#endif
