/* What a training run is told to do: plain values, without the command line. */
#ifndef REEL_TRAIN_SETTINGS_H
#define REEL_TRAIN_SETTINGS_H

#include "data/transforms/transform.h"
#include "layers/models.h"
#include "optim/optim.h"
#include "optim/schedule.h"
#include "train/run/guard.h"

#include <jansson.h>

/* The type of an option's field. */
#define REEL_FIELD_FLAG bool
#define REEL_FIELD_INT int64_t
#define REEL_FIELD_REAL double
#define REEL_FIELD_TIME double
#define REEL_FIELD_SIZE double
#define REEL_FIELD_TEXT const char *
#define REEL_FIELD_CHOICE const char *

typedef struct reel_settings {
    /* One field for each row of options.def: --batch-size is batch_size. An option that is unset
     * is 0, NAN (REAL) or NULL. threads and workers are never 0 here. */
#define OPTION(field, type, ...) REEL_FIELD_##type field;
#include "train/run/options.def"
#undef OPTION

    /* What follows from them. */
    const reel_model *model;
    reel_model *own_model; /* where `model` points to if it is no network of the library; or NULL */
    reel_model_config net; /* classes are filled in when the data is known */
    reel_transform train, val;
    bool choose_workers; /* neither --threads nor --workers was given: the run may settle on other
                            numbers once it has measured */
    reel_optimizer_config optimizer;
    reel_schedule schedule; /* steps_per_epoch is filled in when the data is known */
    reel_on_nan nan_action;
    bool fit_to_data; /* initial weights: reel_net_calibrate on a first batch */

    /* What the command says. */
    char weights_file[4400]; /* where `weights` points to: --weights may be a name or a folder */
    bool locked;             /* output_dir is, by the caller */
    bool tell_sideways;      /* nobody has said what to do about EXIF's orientation */
    bool replace_head;       /* take from the weights what fits */
    /* Classes that are known before DATA is opened, of the run to resume or of the weights: an
     * array of strings; NULL = none; borrowed. */
    const json_t *known_classes;
    const json_t *known_weights; /* of the classes in the loss, of the run to resume; the same */
    bool names_only;             /* images are told by their names, as when the run was begun */
    int64_t train_images, val_images; /* of the run to resume; 0 = not known */
    const char *run_data;             /* DATA as the run to resume was told it; the same */
    const char *val_list;   /* reel_feed's, of the run to resume; NULL = not known; borrowed */
    int64_t fold_images;    /* that the first fold divided; 0 = not known */
    bool labels_are_theirs; /* numbers in DATA's lists are numbers of these classes */
} reel_settings;

#endif
