/* Help in all its forms, all read from the option tables. */
#ifndef REEL_TRAIN_HELP_H
#define REEL_TRAIN_HELP_H

#include "train/cli/command.h"

#include <stdio.h>

/* The page of a command; `all` shows rare options too. */
void reel_help_command(FILE *to, const reel_command *command, bool all);
/* The list of commands. */
void reel_help_overview(FILE *to);
void reel_help_family(FILE *to, const char *family); /* `reel help bench`: its commands */

/* `reel help layers`: the layers of a network's text with their arguments, for a terminal or for
 * layers/README.md. */
void reel_help_layers(FILE *to, bool markdown);
/* reel.1, for man. */
void reel_help_man(FILE *to);
/* Shell completion. */
void reel_help_bash(FILE *to);
void reel_help_zsh(FILE *to);
/* The options of a command as tables, for train/GUIDE.md. */
void reel_help_markdown(FILE *to, const reel_command *command);

/* The default that help shows; NULL = none. */
const char *reel_help_default(const reel_command *command, const reel_option *option);

#endif
