/* The arguments of a layer, as a table: one row for each. */
#ifndef REEL_LAYERS_ARGS_H
#define REEL_LAYERS_ARGS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "layers/init.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The C type of the config's field. */
typedef enum {
    REEL_ARG_INT,  /* int64_t */
    REEL_ARG_REAL, /* double */
    REEL_ARG_BOOL, /* bool */
    REEL_ARG_NOT,  /* bool that holds the opposite of the argument: `no_bias` for "bias" */
    REEL_ARG_INIT, /* reel_init */
    REEL_ARG_WORD  /* int64_t: which of the row's words */
} reel_arg_type;

/* One argument. The same row fills in the default, checks the range, words the error message and
 * reads the argument from text. In a config, 0 stands for the default. */
typedef struct reel_layer_arg {
    const char *name; /* PyTorch's: "kernel_size" */
    reel_arg_type type;
    size_t offset;   /* of the field in the config */
    double fallback; /* the default; for REEL_ARG_BOOL and REEL_ARG_NOT it is the field's false */
    const char *const *words; /* for REEL_ARG_WORD; the first is the default, NULL ends them */
    const char *like;         /* the default is this earlier argument's value instead; or NULL */
    double min, max;          /* smallest and largest value; INFINITY where there is no limit */
    bool above, below;        /* the value must lie above min, below max */
    bool required;            /* text must give it */
    bool from_input; /* in a network's text it follows from the input: its channels, features */
    bool by_name;    /* in a network's text it needs its name: PyTorch's order is without it */
} reel_layer_arg;

/* Members of a layer that has arguments: the rows, and the config that they describe. */
#define REEL_ARGS(rows, config)                                                                    \
    .args = (rows), .n_args = REEL_COUNT(rows), .config_size = sizeof(config)
/* A layer that has arguments: the rows, the config, then its other members. */
#define REEL_LAYER(rows, config, ...) {REEL_ARGS(rows, config), __VA_ARGS__}

/* A row: REEL_ARG("kernel_size", INT, reel_conv2d_config, kernel, .min = 1, .max = INFINITY). */
#define REEL_ARG(argument, kind, config, field, ...)                                               \
    {.name = (argument), .type = REEL_ARG_##kind, .offset = offsetof(config, field), __VA_ARGS__}

/* The config of a layer without arguments, and what every config begins with. */
typedef struct reel_layer_config {
    const char *name; /* NULL: the layer's position among its neighbours, as in PyTorch */
} reel_layer_config;

#ifdef __cplusplus
}
#endif
#endif
