/* The ranks of a training command: opening the connection, handing rank 0's files to the others,
 * and ending all of them with one exit code. */
#ifndef REEL_TRAIN_TRAIN_RANKS_H
#define REEL_TRAIN_TRAIN_RANKS_H

#include "train/cli/options.h"
#include "train/cli/train_resume.h"
#include "train/run/ranks.h"

/* Where a launcher started this process as one of several: connects with the others, and silences
 * all but rank 0. Returns an exit code; the reason has been printed where it is not REEL_EXIT_OK.
 */
int reel_train_ranks_open(const char *command, const reel_options *options);
/* NULL: this process is alone. The connection is the process's: a launcher makes one. */
reel_ranks *reel_train_ranks(void);
/* The end of the command: what one rank alone has met is said by rank 0. Returns the exit code. */
int reel_train_ranks_close(const char *command, int code);

/* The same exit code for all: the first that is not REEL_EXIT_OK. */
int reel_train_ranks_agree(const char *command, int code);

/* reel_resume_find by rank 0; the others get what it found. */
reel_status reel_train_ranks_resume(reel_resumed_run *r, const reel_options *options,
                                    reel_error *err);
void reel_train_ranks_free(reel_resumed_run *r);

/* The file of weights that rank 0 can read, for all: path, of `size` bytes, becomes one that this
 * process can read until the drop. An exchange. */
reel_status reel_train_ranks_weights(char *path, size_t size, reel_error *err);
/* When the weights have been read; more than once is fine. */
void reel_train_ranks_drop_weights(void);

#endif
