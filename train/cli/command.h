/* What a command of `reel` is. Each lives in its own file as one `const reel_command`, and stands
 * in the table of train/cli/main.c.
 *
 * Results go to stdout, talk to stderr. A command returns its exit code. */
#ifndef REEL_TRAIN_COMMAND_H
#define REEL_TRAIN_COMMAND_H

#include "train/cli/options.h"
#include "train/run/say.h"

enum reel_exit {
    REEL_EXIT_OK = 0,
    REEL_EXIT_FAILED = 1,    /* runtime failure */
    REEL_EXIT_USAGE = 2,     /* the command line is wrong */
    REEL_EXIT_BAD_DATA = 3,  /* too many bad files */
    REEL_EXIT_NONFINITE = 4, /* NaN or infinity */
    REEL_EXIT_CHECK = 5,     /* a check failed */
    REEL_EXIT_SIGNAL = 128   /* + its number */
};

typedef struct reel_command {
    const char *name;           /* "train"; two words for a family: "bench step" */
    const char *arguments;      /* as in the usage line: "DATA", "IMAGE..."; "" if there are none */
    const char *about;          /* one line */
    const char *notes;          /* paragraph under the options in --help; NULL = none */
    const reel_option *options; /* --help needs no row */
    int n_options;
    int min_args, max_args; /* arguments that are no options; max -1 = any number */
    int (*run)(reel_options *options);
    /* What holds for an option where nobody says anything, if it is not what the table says; else
     * NULL. For help. */
    const char *(*presets)(const char *option);
} reel_command;

extern const reel_command reel_command_bench_loader;
extern const reel_command reel_command_train, reel_command_finetune, reel_command_eval,
    reel_command_predict, reel_command_report, reel_command_summary, reel_command_convert,
    reel_command_synth, reel_command_gradcheck, reel_command_replay, reel_command_bench_step,
    reel_command_bench_kernels, reel_command_bench_peak, reel_command_pack, reel_command_check;

/* Options that several commands have, in the same words everywhere. */
#define REEL_ROW_SEED                                                                              \
    {"seed", NULL, 0, REEL_OPTION_INT, "N", "0", 0, 9e15, "seed of everything random"}
#define REEL_ROW_THREADS                                                                           \
    {"threads",                                                                                    \
     NULL,                                                                                         \
     0,                                                                                            \
     REEL_OPTION_INT,                                                                              \
     "N",                                                                                          \
     "0",                                                                                          \
     0,                                                                                            \
     1024,                                                                                         \
     "compute threads; 0 = all this process may use"}
#define REEL_ROW_WORKERS                                                                           \
    {"workers",                                                                                    \
     NULL,                                                                                         \
     'j',                                                                                          \
     REEL_OPTION_INT,                                                                              \
     "N",                                                                                          \
     "0",                                                                                          \
     0,                                                                                            \
     1024,                                                                                         \
     "threads that load images; 0 = as many as --threads"}
#define REEL_ROW_JSON                                                                              \
    {"json", NULL, 0, REEL_OPTION_FLAG, NULL, "false", 0, 0, "print the result as one JSON object"}
#define REEL_ROW_QUIET                                                                             \
    {"quiet",                                                                                      \
     NULL,                                                                                         \
     'q',                                                                                          \
     REEL_OPTION_FLAG,                                                                             \
     NULL,                                                                                         \
     "false",                                                                                      \
     0,                                                                                            \
     0,                                                                                            \
     "say nothing on stderr but errors and warnings"}

/* One line on stderr: "reel train: message". Returns the exit code that belongs to err's status
 * (REEL_EXIT_FAILED for most). */
int reel_complain(const char *command, const reel_error *err);
/* The same for a command line that is wrong: adds where help is to be had, returns REEL_EXIT_USAGE.
 */
int reel_complain_usage(const char *command, const reel_error *err);
/* Prints the object on stdout as one line, and frees it. REEL_EXIT_FAILED where stdout does not
 * take it. */
int reel_print_json(json_t *object);

/* Help, man page and bash completion, from the tables (train/cli/help.c). */
void reel_help_command(FILE *to, const reel_command *command);
void reel_help_all(FILE *to, const reel_command *const *commands, int n);
void reel_help_man(FILE *to, const reel_command *const *commands, int n);
void reel_help_completion(FILE *to, const reel_command *const *commands, int n);

#endif
