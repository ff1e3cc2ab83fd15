/* A network with its optimizer and tape, for commands that take steps outside a training run: a
 * session (train/run/session.h), on one process or, under a launcher, on several ranks. */
#ifndef REEL_TRAIN_TRAINEE_H
#define REEL_TRAIN_TRAINEE_H

#include "core/tape.h"
#include "layers/models.h"
#include "optim/optim.h"
#include "train/cli/options.h"
#include "train/run/ranks.h"

typedef struct reel_trainee {
    reel_session session;            /* without card, schedule and state */
    reel_optimizer_config optimizer; /* of --opt */
    reel_ranks ranks_memory, *ranks; /* NULL = this process is alone */
    reel_piece_result *results;      /* of the newest step, one for each piece */
} reel_trainee;

/* The ranks, where a launcher started several; the context, and the settings of the optimizer.
 * Returns an exit code; where it is not REEL_EXIT_OK, the reason has been printed. */
int reel_trainee_begin(reel_trainee *t, reel_options *options, const char *command);
/* The net of --arch with its optimizer and tape, in the tape's dtype. */
reel_status reel_trainee_build(reel_trainee *t, const reel_options *options,
                               const reel_model_config *config, const reel_tape_config *tape,
                               reel_error *err);
/* Divides batches of images of shape (n, c, h, w) into pieces, and those over the ranks, whose
 * weights become those of rank 0: session.own are the pieces of this one. REEL_ERR_INVALID: they do
 * not divide so.
 */
reel_status reel_trainee_divide(reel_trainee *t, const int64_t batch[4], int64_t pieces,
                                reel_error *err);
/* The gradient of one step: of this rank's images, which hold its pieces. results are filled in.
 * seconds: adds up. */
reel_status reel_trainee_gradient(reel_trainee *t, const reel_batch *own,
                                  reel_step_seconds *seconds, reel_error *err);
/* The optimizer's update, which all ranks see afterwards. */
reel_status reel_trainee_update(reel_trainee *t, double lr, reel_error *err);
void reel_trainee_end(reel_trainee *t);

#endif
