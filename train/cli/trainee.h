/* A network with its optimizer and tape, for commands that take steps outside a training run. */
#ifndef REEL_TRAIN_TRAINEE_H
#define REEL_TRAIN_TRAINEE_H

#include "core/tape.h"
#include "layers/models.h"
#include "optim/optim.h"
#include "train/cli/options.h"

typedef struct reel_trainee {
    reel_ctx *ctx;
    reel_net *net;
    reel_tape *tape;
    reel_optimizer_config optimizer; /* of --opt */
    reel_optimizer *opt;
} reel_trainee;

/* The context, and the settings of the optimizer. Returns an exit code; where it is not
 * REEL_EXIT_OK, the reason has been printed. */
int reel_trainee_begin(reel_trainee *t, reel_options *options, const char *command);
/* The net of --arch with its optimizer and tape, in the tape's dtype. */
reel_status reel_trainee_build(reel_trainee *t, const reel_options *options,
                               const reel_model_config *config, const reel_tape_config *tape,
                               reel_error *err);
void reel_trainee_end(reel_trainee *t);

#endif
