/* The checkpoints of a run's folder: checkpoint-NNNNNNNN.safetensors, N = step. */
#ifndef REEL_TRAIN_CHECKPOINT_FOLDER_H
#define REEL_TRAIN_CHECKPOINT_FOLDER_H

#include "train/run/checkpoint.h"
#include "train/run/run_dir.h"

/* What could not be written. */
typedef struct reel_unsaved {
    bool checkpoint, model, average; /* model: model.safetensors; average: ema.safetensors */
} reel_unsaved;

/* Writes the checkpoint, model.safetensors and, where there is an average, ema.safetensors. Then
 * removes all but the newest `keep` checkpoints, and those of later steps. With rollback_every,
 * `keep` counts those that a rollback returns to; of others this one alone stays.
 *
 * On a full disk older files make room: model.safetensors and ema.safetensors, whose weights come
 * again, and the checkpoints that would go afterwards. One checkpoint always stays, intact, until
 * the new one is in place. *unsaved tells what still does not fit, err the first reason. The rest
 * is written. */
reel_status reel_checkpoint_save(const reel_checkpoint *c, const reel_run_dir *run, int64_t keep,
                                 reel_unsaved *unsaved, reel_error *err);
/* Writes weights and card to `name` in the run's folder; epoch: how many had been completed. Older
 * files make room, as above. */
reel_status reel_checkpoint_save_model(const reel_checkpoint *c, const reel_run_dir *run,
                                       int64_t keep, const char *name, int64_t epoch,
                                       reel_error *err);
/* The same with the average in place of the weights. */
reel_status reel_checkpoint_save_average(const reel_checkpoint *c, const reel_run_dir *run,
                                         int64_t keep, const char *name, int64_t epoch,
                                         reel_error *err);
/* REEL_ERR_IO: a checkpoint does not fit, whatever older files make room. */
reel_status reel_checkpoint_room(const reel_checkpoint *c, const reel_run_dir *run, int64_t keep,
                                 reel_error *err);

/* The step of the folder's newest checkpoint; -1 = there is none. */
int64_t reel_checkpoint_newest(const char *folder);
bool reel_checkpoint_exists(const char *folder, int64_t step); /* a file of that name */

/* Which checkpoint of a folder: the run's newest one whose step is below `below` and a multiple of
 * `every`. */
typedef struct reel_checkpoint_query {
    const char *folder;
    int64_t below, every;
    const char *run_id; /* checkpoints of another run are passed over; NULL = of any run */
    void (*on_passed_over)(const char *message); /* told why newer ones cannot be taken, or NULL */
} reel_checkpoint_query;

/* Finds the newest such checkpoint whose CRC-32s are right. *out NULL: there is none. An error
 * where all of them are damaged. path receives its name. */
reel_status reel_checkpoint_find(reel_weights **out, const reel_checkpoint_query *query, char *path,
                                 size_t size, reel_error *err);

/* Renames the checkpoints of later steps than this one, which were passed over, so that they do not
 * count among those that are kept: to NAME.other-run where another run than run_id wrote them, else
 * to NAME.damaged. Returns how many of each. */
typedef struct reel_set_aside {
    int64_t damaged, of_other_run;
} reel_set_aside;
reel_set_aside reel_checkpoint_set_aside(const char *folder, const char *path, const char *run_id);

#endif
