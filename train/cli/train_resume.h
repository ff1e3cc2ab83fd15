/* What --resume means: which run, and what it was told. */
#ifndef REEL_TRAIN_RESUME_H
#define REEL_TRAIN_RESUME_H

#include "train/cli/options.h"
#include "train/run/checkpoint_folder.h"

typedef struct reel_resumed_run {
    reel_weights *checkpoint; /* NULL where "auto" finds none: the run ended before its first one,
                                 and begins again */
    json_t *config;           /* what it was told; NULL where there is no run */
    char path[REEL_PATH_MAX]; /* of the checkpoint */
    bool newest;              /* the run's newest valid one: later ones are damaged, or not its */
    char run_id[40];          /* the run's identity; "" = it was begun before runs had one */
    int lock;                 /* of the output folder, where it existed; -1 = none */
} reel_resumed_run;

/* Finds the run, without --resume none. Locks the output folder where it holds a run. */
reel_status reel_resume_find(reel_resumed_run *r, const reel_options *options, reel_error *err);
void reel_resume_free(reel_resumed_run *r);
/* The checkpoint is as large as the run itself: it goes as soon as it was restored. */
void reel_resume_free_checkpoint(reel_resumed_run *r);

/* Presets what the run was told: recipe, options, weights. */
reel_status reel_resume_preset(const reel_resumed_run *r, reel_options *options, reel_error *err);

/* Renames later checkpoints that were passed over, so that they do not count among those that are
 * kept. */
void reel_resume_set_aside(const reel_resumed_run *r, const char *folder);

/* Warns where the numbers of training and validation images have changed since. */
void reel_resume_warn_of_images(const reel_resumed_run *r, int64_t train, int64_t val);

/* Fails: no DATA was typed, and the run to resume names none. REEL_ERR_INVALID. */
reel_status reel_resume_fail_without_data(const reel_resumed_run *r, const reel_options *options,
                                          reel_error *err);

/* A run's folder that is given as DATA or as a checkpoint is refused: it is named by -o. */
reel_status reel_resume_check_folder(const char *command, const reel_options *options,
                                     reel_error *err);

#endif
