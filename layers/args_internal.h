/* What a table of arguments does: defaults, ranges, reading from text. Private. */
#ifndef REEL_LAYERS_ARGS_INTERNAL_H
#define REEL_LAYERS_ARGS_INTERNAL_H

#include "core/base.h"
#include "layers/args.h"

typedef struct reel_args {
    const char *layer; /* whose they are, for messages */
    const reel_layer_arg *row;
    int count;
} reel_args;

/* Fills the defaults into a config and checks every range. The message names the argument, the
 * range and the value. */
reel_status reel_args_complete(const reel_args *args, void *config, reel_error *err);

/* Reads "in_channels=3, out_channels=64, bias=false, weight_init=gaussian(0.01)" into a zeroed
 * config. An argument that the layer does not know is an error that lists those it knows.
 * "name=..." is allowed for every layer: it points into `text`, whose commas become ends of
 * strings. */
reel_status reel_args_parse(const reel_args *args, char *text, void *config, reel_error *err);

/* The row of a name, or NULL; the field of a row in a config. */
const reel_layer_arg *reel_args_find(const reel_args *args, const char *name);
void *reel_arg_field(const reel_layer_arg *arg, const void *config);
/* Reads one value, which is cut up. */
reel_status reel_args_set(const reel_layer_arg *arg, char *text, void *config, reel_error *err);
/* Whether the argument has the value that it has where nothing is given. */
bool reel_arg_is_default(const reel_args *args, const reel_layer_arg *arg, const void *config);
/* The argument's value as reel_args_set reads it. */
void reel_arg_print(const reel_layer_arg *arg, const void *config, char *text, size_t size);

#endif
