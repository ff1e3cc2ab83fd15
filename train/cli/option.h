/* What an option is: one row of a table.
 *
 * A row drives everything that is known about an option: parsing, its default, its range, error
 * messages, `--help`, the man page, shell completion, the tables of the guide, what config.json
 * stores, and which options are reported when a run is resumed with other values. */
#ifndef REEL_TRAIN_OPTION_H
#define REEL_TRAIN_OPTION_H

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    REEL_OPTION_FLAG, /* --name, --no-name */
    REEL_OPTION_INT,
    REEL_OPTION_REAL,
    REEL_OPTION_TIME, /* seconds; takes 90, 90s, 3m, 1.5h */
    REEL_OPTION_SIZE, /* bytes; takes 900MB (10^6), 900MiB (2^20), 0.88GB, 2GiB */
    REEL_OPTION_TEXT,
    REEL_OPTION_CHOICE /* one of the words in `value`, or of those that `word` lists */
} reel_option_type;

/* The heading under which help shows an option, in the order of the help page. */
typedef enum {
    REEL_GROUP_COMMON,
    REEL_GROUP_NETWORK,
    REEL_GROUP_RATE,
    REEL_GROUP_OPTIMIZER,
    REEL_GROUP_IMAGES,
    REEL_GROUP_FINETUNE,
    REEL_GROUP_RESUME,
    REEL_GROUP_LIMIT,
    REEL_GROUP_THREADS,
    REEL_GROUP_RANKS,
    REEL_GROUP_OUTPUT,
    REEL_GROUP_COUNT
} reel_option_group;

/* What an option belongs to. Only `reel train` and `reel finetune` look at it. */
typedef enum {
    REEL_SCOPE_RUN,      /* the run: stored in config.json; another value changes the result */
    REEL_SCOPE_HARMLESS, /* the run, but another value on a resume does not change the result */
    REEL_SCOPE_CALL      /* this call only: not stored */
} reel_option_scope;

typedef struct reel_option {
    const char *name;    /* long name without its dashes: "batch-size" */
    const char *aliases; /* other long names: "wd", or "wd|l2"; NULL = none */
    char letter;         /* short name: 'b' for -b; 0 = none */
    reel_option_type type;
    const char *value;   /* what help shows for the value: "N"; the words of a choice: "a|b|c" */
    const char *also;    /* INT: a word that may stand for the number, as 0: "auto"; NULL = none */
    const char *initial; /* default, as it would be typed; NULL or "" = unset; a flag: "false" */
    double min, max;     /* inclusive range of a number; both 0 = any */
    const char *help;    /* what it does: one line, no full stop */
    reel_option_group group;
    reel_option_scope scope;
    bool rare;   /* shown by --help-all only */
    bool shared; /* the row of this name in option_table.c fills in what is unset here */
    /* Names of two options that "X,Y" sets, as if each had been typed; the option has no value of
     * its own then. NULL: it has. */
    const char *sets[2];
    const char *(*word)(int index); /* the words of a choice from one of Reel's tables; NULL ends */
    const char *(*same_word)(const char *text); /* the word for another program's; NULL = none */
    const char *(*suggest)(int index);          /* names that may stand for a file; NULL ends */
    bool name_or_file; /* what the user types is one of these names, or a file that is there */
    size_t field;      /* offset of the value in reel_settings; options of `reel train` only */
} reel_option;

/* A row: REEL_OPTION(INT, .name = "runs", .value = "N", .initial = "7", .min = 1, .max = 1e6,
 *                    .help = "timed runs"). */
#define REEL_OPTION(type_, ...) {.type = REEL_OPTION_##type_, __VA_ARGS__}
/* The shared row of a name; members that follow replace its own: REEL_SHARED("lr", .initial = "1").
 */
#define REEL_SHARED(...) {.shared = true, .name = __VA_ARGS__}
/* What every command with an answer takes. */
#define REEL_SHARED_OUTPUT REEL_SHARED("json"), REEL_SHARED("quiet")

/* What a command takes: options, and arguments that are no options. */
typedef struct reel_syntax {
    const reel_option *options;
    int n_options;
    const reel_option *(*more_options)(int index); /* rows that others contribute; NULL = none */
    const char *arguments;                         /* as in the usage line: "DATA" */
    int min_args, max_args;                        /* max -1 = any number */
} reel_syntax;

#endif
