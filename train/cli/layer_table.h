/* The layers of a net as a table, for `reel summary`: names, kinds, shapes, parameters. */
#ifndef REEL_TRAIN_LAYER_TABLE_H
#define REEL_TRAIN_LAYER_TABLE_H

#include "layers/models.h"

#include <jansson.h>

typedef struct reel_layer_table {
    reel_layer_info *info; /* borrows its names from the net */
    int n;
} reel_layer_table;

/* Every layer, for input (n, c, h, w). The caller frees table->info, after a failure, too. */
reel_status reel_layer_table_make(reel_layer_table *table, reel_net *net, const int64_t input[4],
                                  reel_error *err);
/* On stdout, with a line of headings. */
void reel_layer_table_print(const reel_layer_table *table);
/* An array with an object for each layer. */
json_t *reel_layer_table_json(const reel_layer_table *table);
/* The sizes as an array. */
json_t *reel_shape_json(int ndim, const int64_t *shape);

#endif
