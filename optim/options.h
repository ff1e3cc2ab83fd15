/* Options of an optimizer or a schedule: rows of a table, and their values.
 *
 * Every optimizer and every schedule lists its options as rows {name, type, default, range, help}.
 * The program's flags, their help, config.json and the range checks all come from these rows.
 * Values are doubles in the order of the rows, so that any kind's values fit into one plain struct
 * that is copied by assignment and owns nothing. */
#ifndef REEL_OPTIM_OPTIONS_H
#define REEL_OPTIM_OPTIONS_H

#include "core/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    REEL_OPTIM_OPTIONS = 16, /* most options of one kind */
    REEL_OPTIM_LIST = 16     /* most entries of a list */
};

typedef enum reel_optim_type {
    REEL_OPTIM_REAL,
    REEL_OPTIM_INT,
    REEL_OPTIM_FLAG, /* value 0 or 1 */
    REEL_OPTIM_LIST_OF_INTS
} reel_optim_type;

typedef struct reel_optim_option {
    const char *name;  /* as its flag is spelled, without the dashes: "weight-decay" */
    const char *alias; /* a second spelling, or NULL */
    /* A name that sets this option and the one in the next row at once: "betas" takes "0.9,0.999".
     * NULL: none. */
    const char *pair;
    reel_optim_type type;
    bool rare;          /* the program shows it in --help-all only */
    bool implies_kind;  /* giving this option chooses the kind: --lr-milestones, multistep */
    double initial;     /* default; a list begins empty */
    double least, most; /* inclusive range of a number or of a list's entries; a flag needs none */
    const char *help;   /* one line */
} reel_optim_option;

/* A row: REEL_OPTIM_OPTION(REAL, .name = "eps", .initial = 1e-8, .most = 1, .help = "..."). */
#define REEL_OPTIM_OPTION(type_, ...) {.type = REEL_OPTIM_##type_, __VA_ARGS__}
/* An optimizer or a schedule: the rows of its options, then its other members. */
#define REEL_OPTIM_KIND(rows, ...)                                                                 \
    {.options = (rows), .n_options = (int)REEL_COUNT(rows), __VA_ARGS__}

/* Values of one kind's options. A kind has at most one list; its entries stand in `list`, and `at`
 * of that option is unused. */
typedef struct reel_optim_values {
    double at[REEL_OPTIM_OPTIONS];
    double list[REEL_OPTIM_LIST];
    int list_size;
} reel_optim_values;

/* The defaults of n rows. */
REEL_API reel_optim_values reel_optim_values_default(const reel_optim_option *options, int n);

/* Sets one option from text: "0.9", "30", "true", "23,51,78". REEL_ERR_INVALID, with a message that
 * begins with the option's name: no row has this name, alias or pair, or the text is not of the
 * row's type. Ranges are looked at by reel_optim_values_check. */
REEL_API reel_status reel_optim_values_set(reel_optim_values *values,
                                           const reel_optim_option *options, int n,
                                           const char *name, const char *text, reel_error *err);

/* REEL_ERR_INVALID: a value out of its row's range, or no number. The message begins with the
 * option's name. */
REEL_API reel_status reel_optim_values_check(const reel_optim_values *values,
                                             const reel_optim_option *options, int n,
                                             reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
