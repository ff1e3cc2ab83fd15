/* The option table of a command, and what was typed.
 *
 * ONE table a command drives parsing, defaults, ranges, error messages, `--help`, the man page and
 * shell completion, so that they cannot disagree. Values have three layers, later ones winning: the
 * table's defaults, presets (a recipe, the configuration of a run that is resumed), and what the
 * user typed. */
#ifndef REEL_TRAIN_OPTIONS_H
#define REEL_TRAIN_OPTIONS_H

#include "core/base.h"

#include <jansson.h>
#include <stdio.h>

typedef enum {
    REEL_OPTION_FLAG, /* --name, --no-name */
    REEL_OPTION_INT,
    REEL_OPTION_REAL,
    REEL_OPTION_TIME, /* seconds; takes 90, 90s, 3m, 1.5h */
    REEL_OPTION_TEXT,
    REEL_OPTION_CHOICE /* one of the words in `value` */
} reel_option_type;

typedef struct reel_option {
    const char *name;  /* long name without its dashes */
    const char *alias; /* a second long name, or NULL */
    char letter;       /* short name, or 0 */
    reel_option_type type;
    const char
        *value; /* what stands for the value in the help: "N"; of a choice its words: "a|b|c" */
    const char *initial; /* default as it would be typed; NULL = unset */
    double min, max;     /* inclusive range of a number; both 0 = any */
    const char *help;    /* one line */
} reel_option;

typedef struct reel_options reel_options;
struct reel_command;

/* Parses the arguments after the command's name. REEL_ERR_INVALID: one line that names the option,
 * what it takes, and the nearest option where the name is unknown. *wants_help is set by --help or
 * -h, and the rest is then not looked at. */
reel_status reel_options_parse(reel_options **out, const struct reel_command *command, int argc,
                               char **argv, bool *wants_help, reel_error *err);
void reel_options_destroy(reel_options *options);

/* Values by name; a name that is not in the table, or of another type, is a programmer's error.
 * Unset numbers read as 0, unset text as NULL. A flag is true or false. */
int64_t reel_options_int(const reel_options *options, const char *name);
double reel_options_real(const reel_options *options, const char *name); /* REAL, INT and TIME */
const char *reel_options_text(const reel_options *options, const char *name);
bool reel_options_flag(const reel_options *options, const char *name);
bool reel_options_known(const reel_options *options,
                        const char *name); /* is there such an option? */
bool reel_options_given(const reel_options *options, const char *name); /* typed by the user */
bool reel_options_set(const reel_options *options,
                      const char *name); /* typed, preset, or with a default */
int reel_options_arg_count(const reel_options *options);
const char *reel_options_arg(const reel_options *options,
                             int index); /* arguments that are no options */

/* A preset: changes the value unless the user typed one. The text is checked as if it had been
 * typed. */
reel_status reel_options_preset(reel_options *options, const char *name, const char *text,
                                reel_error *err);

/* Every set value, name -> text as typed (flags "true", "false"); and back, as presets. Unknown
 * names are passed over. */
json_t *reel_options_to_json(const reel_options *options);
reel_status reel_options_from_json(reel_options *options, const json_t *object, reel_error *err);

/* The nearest of n words to the one given (at most a third of its letters wrong), or NULL. */
const char *reel_nearest_word(const char *word, const char *(*at)(const void *user, int index),
                              const void *user, int n);

#endif
