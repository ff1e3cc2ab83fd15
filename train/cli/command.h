/* What a command of `reel` is: one `const reel_command reel_command_NAME` in train/cli/cmd_NAME.c.
 * The build collects the files; no list is edited by hand.
 *
 * Results go to stdout, talk to stderr. A command returns its exit code. */
#ifndef REEL_TRAIN_COMMAND_H
#define REEL_TRAIN_COMMAND_H

#include "core/comm/comm.h"
#include "core/ctx.h"
#include "layers/models.h"
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

/* The heading under which `reel help` shows a command, in the order of the page. */
typedef enum {
    REEL_COMMAND_TRAINING,
    REEL_COMMAND_USING,
    REEL_COMMAND_DATA,
    REEL_COMMAND_MEASURING,
    REEL_COMMAND_GROUPS
} reel_command_group;

/* A line at the end of a help page: "reel eval photos -w run", and what it does. */
typedef struct reel_example {
    const char *line, *about;
} reel_example;

typedef struct reel_command {
    const char *name;    /* "train"; two words for a family: "bench step" */
    const char *summary; /* one line: "Train a network on a folder of images" */
    /* Arguments that are no options, as in the usage line: "DATA OUT"; "[DATA]" may be left out,
     * "IMAGE..." may be repeated. NULL = none. */
    const char *arguments;
    const reel_option *options; /* its rows; --help needs none */
    int n_options;
    const reel_option *(*more_options)(int index); /* rows that others contribute; NULL = none */
    const char *notes;                             /* paragraphs under the options; NULL = none */
    reel_example examples[9];                      /* end each help page; the last stays empty */
    reel_command_group group;
    int rank; /* order within the group; equal ranks go by name */
    /* Processes that a launcher has started together share the work: one of them speaks
     * (rank_talk.h). */
    bool ranks;
    int (*run)(reel_options *options);
    /* The default of an option that a recipe or a command sets, for help; NULL = the row's. */
    const char *(*presets)(const char *option);
} reel_command;

/* A command: the rows of its options, then its other members. */
#define REEL_COMMAND(rows, ...) {.options = (rows), .n_options = (int)REEL_COUNT(rows), __VA_ARGS__}

/* One line on stderr: "reel train: message". Returns the exit code that belongs to err's status
 * (REEL_EXIT_FAILED for most). */
int reel_complain(const char *command, const reel_error *err);
/* The same after a failure of all ranks: rank 0 complains. The code is the same on all ranks: a
 * signal that interrupted one of them counts for all. Where the ranks have lost each other, this
 * process complains and ends all. */
int reel_complain_once(reel_comm *comm, const char *command, const reel_error *err);
/* The same for a command line that is wrong: adds where to find help, returns REEL_EXIT_USAGE. */
int reel_complain_usage(const char *command, const reel_error *err);
/* REEL_ERR_INVALID is a wrong command line; anything else, such as a file that cannot be read, is a
 * failure. */
int reel_complain_choice(const char *command, const reel_error *err);

/* A context with the --threads and the --seed of the command, where it has them, and messages on
 * stderr. */
reel_status reel_command_ctx(reel_ctx **ctx, const reel_options *options, reel_error *err);
/* The network of --arch; the caller frees it. */
reel_status reel_command_arch(reel_model **model, const reel_options *options, reel_error *err);

/* Prints the object on stdout as one line, and frees it. REEL_EXIT_FAILED where stdout does not
 * take it. */
int reel_print_json(json_t *object);

/* What a command works on: its first argument, or --weights in its place. `rest` arguments follow:
 * *next is the index of the first. REEL_ERR_INVALID: both are there, or neither is; `needed` is
 * what was expected then, or NULL if a command can do without (*given NULL). */
reel_status reel_command_given(const char **given, int *next, const reel_options *options, int rest,
                               const char *needed, reel_error *err);

#endif
