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

/* May a run write to this folder? Changes nothing. REEL_ERR_INVALID: the folder holds a run that
 * has learned something, and resume (NULL, "auto" or a checkpoint file) does not mean that run.
 * REEL_ERR_IO: not a folder. */
reel_status reel_run_dir_check(const char *path, const char *resume, reel_error *err);
/* As mkdir -p: a folder and those above it. false: errno says why. */
bool reel_make_folders(const char *path);
reel_status reel_run_dir_make(const char *path, reel_error *err); /* of --output-dir */
bool reel_run_dir_holds_run(const char *path);                    /* also one that has not begun */
/* The contents of config.json, to be freed; NULL if there is none. */
reel_status reel_run_dir_config(json_t **out, const char *path, reel_error *err);
/* Creates the folder and its parents, locks it (locked: the caller did), removes unfinished files
 * of a killed process and what a run left that ended before its first step, and writes config.json.
 * config is borrowed for as long as the folder is open. */
reel_status reel_run_dir_open(reel_run_dir *run, const char *path, const json_t *config,
                              bool locked, reel_error *err);
void reel_run_dir_close(reel_run_dir *run);
/* For a folder that was made anew: writes config.json and, if there are unreadable images,
 * bad_files.jsonl. */
reel_status reel_run_dir_describe(const reel_run_dir *run, reel_error *err);
/* Does the path still name the run's folder? If the folder was moved, `run` follows it; if it was
 * removed, it is made anew; *found says which. REEL_ERR_INVALID: it was removed and another folder
 * has its name, where another run may have begun. */
typedef enum {
    REEL_RUN_DIR_IN_PLACE,
    REEL_RUN_DIR_MOVED,
    REEL_RUN_DIR_MADE_ANEW
} reel_run_dir_found;
reel_status reel_run_dir_in_place(reel_run_dir *run, reel_run_dir_found *found, reel_error *err);

/* The part of it that makes nothing: whether the folder was moved; `run` then follows it. */
bool reel_run_dir_follow(reel_run_dir *run);

/* "PATH/name" into text. */
const char *reel_run_dir_file(const reel_run_dir *run, const char *name, char *text, size_t size);

/* Bytes that are free on the folder's file system; infinite where it does not tell. */
double reel_run_dir_free(const reel_run_dir *run);
/* REEL_ERR_IO: the folder's file system has no room for so many bytes; the message says how much it
 * has. A file system that does not tell has room. */
reel_status reel_run_dir_room(const reel_run_dir *run, size_t bytes, reel_error *err);
/* Bytes of the run's own files in its folder: weights, checkpoints, config.json, metrics.jsonl. */
size_t reel_run_dir_bytes(const reel_run_dir *run);

/* Appends a line to metrics.jsonl, and a row to summary.csv if it is an evaluation; frees it. */
reel_status reel_run_dir_metric(reel_run_dir *run, json_t *line, reel_error *err);
/* Drops the lines of steps after `step` from both files: a resumed run makes these steps again. If
 * it begins with an evaluation, drops the evaluation at `step`, too. */
reel_status reel_run_dir_rewind(reel_run_dir *run, int64_t step, bool evaluates, reel_error *err);
/* Notes an unreadable file, once. *is_new: it was not known yet. */
reel_status reel_run_dir_bad(reel_run_dir *run, const char *split, const char *name,
                             const char *reason, bool *is_new, reel_error *err);

#endif
