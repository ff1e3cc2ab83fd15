/* What was typed: a command line, read against the option table of its command.
 *
 * Values have three layers, later ones winning: the table's defaults; presets (a recipe, the
 * configuration of a run that is resumed); what the user typed. */
#ifndef REEL_TRAIN_OPTIONS_H
#define REEL_TRAIN_OPTIONS_H

#include "core/base.h"
#include "train/cli/option.h"

#include <jansson.h>

typedef struct reel_options reel_options;

/* Parses the arguments after the command's name. REEL_ERR_INVALID: one line that names the option,
 * what it takes, and the nearest option if the name is unknown. */
reel_status reel_options_parse(reel_options **out, const reel_syntax *syntax, int argc, char **argv,
                               reel_error *err);
void reel_options_destroy(reel_options *options);

/* Values by name; a name that is not in the table is a programmer's error. Unset numbers read as
 * 0, unset text as NULL. A flag is true or false. */
int64_t reel_options_int(const reel_options *options, const char *name);
double reel_options_real(const reel_options *options, const char *name); /* REAL, INT and TIME */
const char *reel_options_text(const reel_options *options, const char *name);
bool reel_options_flag(const reel_options *options, const char *name);

/* Is there such an option? Was it typed by the user? Has it a value: typed, preset or default? */
bool reel_options_known(const reel_options *options, const char *name);
bool reel_options_given(const reel_options *options, const char *name);
bool reel_options_set(const reel_options *options, const char *name);

/* Arguments that are no options. */
int reel_options_arg_count(const reel_options *options);
const char *reel_options_arg(const reel_options *options, int index);

/* The words that were parsed, as the user typed them; *count: how many. They are main's. */
char **reel_options_typed(const reel_options *options, int *count);

/* The rows, complete, in the order of the table. */
int reel_options_count(const reel_options *options);
const reel_option *reel_options_row(const reel_options *options, int index);

/* A preset: changes the value unless the user typed one. The text is checked as if it had been
 * typed. */
reel_status reel_options_preset(reel_options *options, const char *name, const char *text,
                                reel_error *err);

/* Changes a value as if the user had typed this text. */
reel_status reel_options_type(reel_options *options, const char *name, const char *text,
                              reel_error *err);

/* Every value that is set and belongs to the run, name -> text as typed (flags "true", "false");
 * and back, as presets. Unknown names are passed over. */
json_t *reel_options_to_json(const reel_options *options);
reel_status reel_options_from_json(reel_options *options, const json_t *object, reel_error *err);

#endif
