/* The table of operators, and what the contract checks by itself. CMake writes op_table.inc from
 * the names of core/ops/op_*.c: a new file is a new operator. */
#include "core/op.h"

#include <string.h>

#include "op_table.inc"

int reel_op_count(void)
{
    return (int)REEL_COUNT(op_table);
}

const reel_op *reel_op_at(int index)
{
    REEL_ASSERT(index >= 0 && index < REEL_COUNT(op_table));
    return op_table[index];
}

const reel_op *reel_op_find(const char *name)
{
    for (int i = 0; i < REEL_COUNT(op_table); i++)
        if (strcmp(op_table[i]->name, name) == 0)
            return op_table[i];
    return NULL;
}

reel_status reel_infer_check_size(const reel_infer *q, reel_error *err)
{
    char text[200];
    if (q->ndim < 0 || q->ndim > REEL_MAX_DIMS)
        return reel_fail(err, REEL_ERR_INVALID, "expected a result of 0 to %d dimensions, got %d",
                         REEL_MAX_DIMS, q->ndim);
    if (reel_shape_numel(q->ndim, q->shape) >= 0)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "expected a result of fewer than 2^60 elements, got shape %s",
                     reel_shape_text(text, sizeof text, q->ndim, q->shape));
}
