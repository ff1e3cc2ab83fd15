/* The table of commands, which the build collects from train/cli/cmd_NAME.c. */
#ifndef REEL_TRAIN_COMMANDS_H
#define REEL_TRAIN_COMMANDS_H

#include "train/cli/command.h"

/* In the order of help: group, rank, name. NULL = there is no such index. */
const reel_command *reel_command_at(int index);

/* The command that argv begins with, or NULL; *used is the number of its words. */
const reel_command *reel_command_find(int argc, char **argv, int *used);

/* The nth of the commands with two words that begin with this one, such as "bench"; or NULL. */
const reel_command *reel_command_family(const char *word, int index);

reel_syntax reel_command_syntax(const reel_command *command);

/* "training", "using a network", ... */
const char *reel_command_group_title(reel_command_group group);

#endif
