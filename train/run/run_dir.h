/* A run's folder: config.json, metrics.jsonl, bad_files.jsonl, checkpoint-NNNNNNNN.safetensors,
 * model.safetensors (last weights), best.safetensors.
 *
 * Nothing in it is overwritten by another run: a folder that holds a run is refused unless that run
 * is resumed. */
#ifndef REEL_TRAIN_RUN_DIR_H
#define REEL_TRAIN_RUN_DIR_H

#include "core/base.h"

#include <jansson.h>

enum { REEL_PATH_MAX = 4200 };

typedef struct reel_run_dir {
    char path[REEL_PATH_MAX - 80];
    json_t *bad;         /* what bad_files.jsonl holds: "SPLIT/NAME" -> line */
    int64_t n_bad_train; /* of them, in the training images */
    int lock, folder;
    const json_t *config; /* borrowed */
} reel_run_dir;

/* Looks only: REEL_ERR_INVALID where the folder holds a run which resume (NULL, "auto" or a
 * checkpoint file) does not mean, REEL_ERR_IO where path is no folder. */
reel_status reel_run_dir_check(const char *path, const char *resume, reel_error *err);
bool reel_run_dir_holds_run(const char *path);
/* What config.json holds; NULL where there is none. */
reel_status reel_run_dir_config(json_t **out, const char *path, reel_error *err);
/* Creates the folder and those above it, locks it unless `locked` says that the caller has, removes
 * what a killed process left unfinished, writes config.json (borrowed, for as long as the folder is
 * open). */
reel_status reel_run_dir_open(reel_run_dir *run, const char *path, const json_t *config,
                              bool locked, reel_error *err);
void reel_run_dir_close(reel_run_dir *run);
/* Writes config.json and, where images were found unreadable, bad_files.jsonl: for a folder that
 * was made anew. */
reel_status reel_run_dir_describe(const reel_run_dir *run, reel_error *err);
/* Looks whether the path still names the run's folder. One that was moved is followed, one that was
 * removed is made anew: *found tells. REEL_ERR_INVALID where it was removed and another folder has
 * its name: another run may have begun there. */
typedef enum {
    REEL_RUN_DIR_IN_PLACE,
    REEL_RUN_DIR_MOVED,
    REEL_RUN_DIR_MADE_ANEW
} reel_run_dir_found;
reel_status reel_run_dir_in_place(reel_run_dir *run, reel_run_dir_found *found, reel_error *err);

/* "PATH/name" into text. */
const char *reel_run_dir_file(const reel_run_dir *run, const char *name, char *text, size_t size);

/* Whether the folder's file system has room for so many bytes more; REEL_ERR_IO says how much is
 * missing. Where it does not tell, there is. */
reel_status reel_run_dir_room(const reel_run_dir *run, size_t bytes, reel_error *err);

/* Appends a line to metrics.jsonl, and to summary.csv where it is an evaluation's; frees it. */
reel_status reel_run_dir_metric(reel_run_dir *run, json_t *line, reel_error *err);
/* Drops lines of both that tell of steps after `step`, which a resumed run will take again; and,
 * where it evaluates first, of evaluations at `step`. */
reel_status reel_run_dir_rewind(reel_run_dir *run, int64_t step, bool evaluates, reel_error *err);
/* Notes an unreadable file once. *is_new tells whether it was unknown. */
reel_status reel_run_dir_bad(reel_run_dir *run, const char *split, const char *name,
                             const char *reason, bool *is_new, reel_error *err);

#endif
