/* Training as a command: what `reel train` and `reel finetune` share. */
#ifndef REEL_TRAIN_CMD_TRAIN_H
#define REEL_TRAIN_CMD_TRAIN_H

#include "train/cli/command.h"
#include "train/cli/optim_options.h"
#include "train/cli/option_table.h"

/* Trains, prints, returns the exit code; with --ranks or --hosts, ranks train in its place.
 * finetune: take from --weights what fits, hold images out where DATA has no val/, and choose the
 * number of epochs by the number of images. */
int reel_train(reel_options *options, bool finetune);
/* The same in this process, alone or as one of the ranks that a launcher started. */
int reel_train_here(reel_options *options, bool finetune);

/* Members that both commands have, besides the options. */
#define REEL_TRAINING                                                                              \
    .arguments = "[DATA]", .group = REEL_COMMAND_TRAINING, .more_options = reel_optim_row

#endif
