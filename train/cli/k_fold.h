/* `reel train --k-fold K`: K runs, one after the other, and a summary of them. */
#ifndef REEL_TRAIN_K_FOLD_H
#define REEL_TRAIN_K_FOLD_H

#include "train/cli/options.h"

/* Trains one run as the options say; returns its exit code. told: the config.json that a resumed
 * run without one of its own takes for its own; NULL = none. */
typedef int reel_train_run(reel_options *options, bool finetune, const json_t *told);

/* *has: do the options ask for all folds of --k-fold, and not for --fold N or an evaluation alone?
 * They do so, too, with --resume auto where --output-dir holds folds that were begun. Of several
 * ranks, rank 0 looks into --output-dir and tells the others. REEL_ERR_IO: a rank is lost. */
reel_status reel_train_has_folds(bool *has, const reel_options *options, reel_error *err);
/* Lets `run` train fold 1 to --k-fold in OUT/fold-1, ..., OUT being --output-dir, and writes
 * OUT/k-fold.json: mean and standard deviation (K - 1 in the denominator) of the folds'
 * evaluations, which are those of their best weights, and the sum of their confusion matrices.
 * Folds that are resumed, or begin after an interruption, have DATA and the options that fold 1 was
 * told. Folds that were begun with another K or --seed are refused: their parts overlap.
 * Of several ranks, rank 0 alone reads, writes and prints.
 * Returns the exit code; the first fold that does not end with 0 ends it all. */
int reel_train_folds(reel_options *options, bool finetune, reel_train_run *run);

#endif
