/* The layers of a net as a table, for `reel summary`. */
#include "train/cli/layer_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

reel_status reel_layer_table_make(reel_layer_table *table, reel_net *net, const int64_t input[4],
                                  reel_error *err)
{
    enum { OFTEN_ENOUGH = 256 };
    *table = (reel_layer_table){0};
    for (int room = OFTEN_ENOUGH;; room = table->n) {
        free(table->info);
        table->info = malloc((size_t)room * sizeof *table->info);
        if (!table->info)
            return reel_fail(err, REEL_ERR_MEMORY, "summary: out of memory");
        REEL_TRY(reel_net_describe(net, input, table->info, room, &table->n, err));
        if (table->n <= room)
            return REEL_OK;
    }
}

/* Characters of UTF-8: those bytes that continue none. */
static int count_characters(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

enum { NARROWEST_NAME = 15, WIDEST_NAME = 40 }; /* a longer name shifts its line */

void reel_layer_table_print(const reel_layer_table *table)
{
    char shape[80];
    int width = NARROWEST_NAME;
    for (int i = 0; i < table->n; i++) {
        const int length = count_characters(table->info[i].name);
        width = length > width && length <= WIDEST_NAME ? length : width;
    }
    printf("%-*s %-17s %-19s %10s %14s\n", width, "layer", "kind", "output", "parameters",
           "multiply-adds");

    for (int i = 0; i < table->n; i++) {
        const reel_layer_info *layer = &table->info[i];
        const int missing = width - count_characters(layer->name);
        printf("%s%*s %-17s %-19s", layer->name, missing > 0 ? missing : 0, "", layer->kind,
               reel_shape_text(shape, sizeof shape, layer->ndim, layer->shape));
        if (layer->parameters || layer->multiply_adds)
            printf(" %10" PRId64 " %14" PRId64, layer->parameters, layer->multiply_adds);
        putchar('\n');
    }
}

json_t *reel_shape_json(int ndim, const int64_t *shape)
{
    json_t *array = json_array();
    for (int d = 0; d < ndim; d++)
        json_array_append_new(array, json_integer(shape[d]));
    return array;
}

json_t *reel_layer_table_json(const reel_layer_table *table)
{
    json_t *rows = json_array();
    for (int i = 0; i < table->n; i++) {
        const reel_layer_info *layer = &table->info[i];
        json_array_append_new(rows, json_pack("{s:s, s:s, s:o, s:I, s:I}", "name", layer->name,
                                              "kind", layer->kind, "output",
                                              reel_shape_json(layer->ndim, layer->shape),
                                              "parameters", (json_int_t)layer->parameters,
                                              "multiply_adds", (json_int_t)layer->multiply_adds));
    }
    return rows;
}
