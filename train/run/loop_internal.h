/* Shared by the files of the loop (loop_*.c). */
#ifndef REEL_TRAIN_LOOP_INTERNAL_H
#define REEL_TRAIN_LOOP_INTERNAL_H

#include "train/run/loop.h"

/* ---- loop_step.c ---- */

/* One training step. *done: GO_ON = it was made, SKIP = it was left out, ROLL_BACK = the run stands
 * at an earlier checkpoint, whose epoch has to be begun anew. */
reel_status reel_loop_step(reel_loop *loop, reel_action *done, reel_error *err);

/* ---- loop_bad.c ---- */

/* The loader has replaced a training image. */
void reel_loop_note_bad(reel_loop *loop, const char *name, const char *reason);
/* REEL_ERR_BAD_DATA: there are too many. */
reel_status reel_loop_judge_bad(reel_loop *loop, reel_error *err);
/* Of this rank, since the last step; and those of all ranks to rank 0, which judges them for all.
 */
int64_t reel_loop_new_bad(const reel_loop *loop);
reel_status reel_loop_spread_bad(reel_loop *loop, reel_error *err);

/* ---- loop_memory.c ---- */

/* The shape (n, c, h, w) of the images of one piece of a training batch. */
void reel_loop_piece(const reel_loop *loop, int64_t piece[4]);

/* ---- loop_nonfinite.c ---- */

/* What follows from a step that was not made, with the state as it was before it. */
reel_status reel_loop_nonfinite(reel_loop *loop, reel_incident *incident, reel_action *done,
                                reel_error *err);

/* ---- loop_evaluate.c ---- */

/* Evaluates on the validation images; at the end of an epoch keeps the best weights. Within an
 * epoch it changes nothing of the run: a run that stopped there must continue as if it had not. */
reel_status reel_loop_evaluate(reel_loop *loop, bool end_of_epoch, reel_error *err);
/* What rank 0's folder holds of the best weights, to all. */
reel_status reel_loop_tell_best(reel_loop *loop, reel_error *err);
/* A run that ends within its first epoch leaves a provisional best.safetensors, of epoch 0: the
 * weights it ends with. The first whole epoch replaces it, whatever its accuracy, so that a resumed
 * run ends with the same files as one that was not interrupted. */
void reel_loop_keep_provisional(reel_loop *loop);

/* ---- loop_save.c ---- */

reel_checkpoint reel_loop_checkpoint(reel_loop *loop);
/* Saves a checkpoint; REEL_ERR_NONFINITE keeps the ones there are. */
reel_status reel_loop_save(reel_loop *loop, reel_error *err);
/* The same at the end of the run. What the folder has from before is not asked for again. */
reel_status reel_loop_save_last(reel_loop *loop, reel_error *err);
/* Before anything is written. */
reel_status reel_loop_in_place(reel_loop *loop, reel_error *err);
/* Writes split.json where the validation images were held back. */
reel_status reel_loop_record_split(const reel_loop *loop, reel_error *err);
/* Is that evaluation better than the best so far? Ties go to the lower loss. */
bool reel_loop_is_better(double top1, double loss, reel_best than);
reel_best reel_loop_best(const reel_run_state *state); /* of the weights themselves */

/* ---- loop_log.c ---- */

void reel_loop_log_step(reel_loop *loop, bool last_of_epoch);
/* Once, when enough images are loaded: whether photographs are stored turned and taken as they lie.
 */
void reel_loop_tell_sideways(reel_loop *loop, bool last_of_epoch);
void reel_loop_log_evaluation(reel_loop *loop, bool best);
/* The last line of a process: how it ended, and the seconds it took. failed: NULL, or the error. */
void reel_loop_log_end(reel_loop *loop, const reel_error *failed);

/* ---- loop_memory.c ---- */

/* How many images the initial weights are fitted to; 0 = they are not. */
int64_t reel_loop_fit_images(const reel_loop *loop);

/* ---- loop_threads.c ---- */

/* Chooses compute threads and workers by what the first steps took: `computed` seconds for the
 * last one, without waiting for data. */
reel_status reel_loop_settle_threads(reel_loop *loop, double computed, reel_error *err);

#endif
