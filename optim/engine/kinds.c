/* The table of optimizers. CMake writes optimizer_table.inc from the names of optim/NAME.c: adding
 * a file adds an optimizer. */
#include <string.h>

#include "optim/optim.h"
#include "optimizer_table.inc"

int reel_optimizer_kind_count(void)
{
    return (int)REEL_COUNT(optimizer_table);
}

const reel_optimizer_kind *reel_optimizer_kind_at(int index)
{
    REEL_ASSERT(index >= 0 && index < REEL_COUNT(optimizer_table));
    return optimizer_table[index];
}

const reel_optimizer_kind *reel_optimizer_find(const char *name)
{
    for (int i = 0; i < REEL_COUNT(optimizer_table); i++)
        if (strcmp(optimizer_table[i]->name, name) == 0)
            return optimizer_table[i];
    return NULL;
}
