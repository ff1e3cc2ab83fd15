/* The table of layers. The build collects one reel_layer_NAME from each layers/NAME.c that has one
 * (CMakeLists.txt). */
#include "layers/layers.h"

#include <string.h>

#include "layer_table.inc"

int reel_layer_count(void)
{
    return (int)REEL_COUNT(layer_table);
}

const reel_layer *reel_layer_at(int index)
{
    REEL_ASSERT(index >= 0 && index < REEL_COUNT(layer_table));
    return layer_table[index];
}

const reel_layer *reel_layer_find(const char *name)
{
    for (int i = 0; i < REEL_COUNT(layer_table); i++)
        if (strcmp(layer_table[i]->name, name) == 0)
            return layer_table[i];
    return NULL;
}
