/* The table of operators. CMake writes op_table.inc from the names of core/ops/op_*.c: adding a
 * file adds an operator. */
#include <string.h>

#include "core/op.h"
#include "op_table.inc"

int reel_op_count(void)
{
    return (int)REEL_COUNT(table);
}

const reel_op *reel_op_at(int index)
{
    REEL_ASSERT(index >= 0 && index < REEL_COUNT(table));
    return table[index];
}

const reel_op *reel_op_find(const char *name)
{
    for (int i = 0; i < REEL_COUNT(table); i++)
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    return NULL;
}
