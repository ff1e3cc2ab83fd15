/* sum: y = sum of x over the axes;  dx = dy, repeated along them. */
#include "core/ops/reduce.h"

#ifdef REEL_PUBLIC
/* The sum of x over a set of axes: bit d of axes = dimension d, 0 = all dimensions. Without
 * keepdim the axes disappear from the shape, with keepdim they stay with size 1. */
REEL_API reel_var reel_sum(reel_var x, unsigned axes, bool keepdim);
#endif

REEL_DECLARE_OP(sum);

void REEL_FN(reel_sum_forward)(const reel_call *c)
{
    scaled_sum_forward(c, 1);
}

void REEL_FN(reel_sum_backward)(const reel_call *c)
{
    scaled_sum_backward(c, 1);
}

#ifdef REEL_ONCE
reel_var reel_sum(reel_var x, unsigned axes, bool keepdim)
{
    const reduce_attrs attrs = {axes, keepdim};
    return reel_apply(&reel_op_sum, &attrs, sizeof attrs, &x, 1);
}

const reel_op reel_op_sum = {
    .name = "sum",
    .min_in = 1,
    .max_in = 1,
    .flags = REEL_OP_ASSIGNS,
    .attrs_bytes = sizeof(reduce_attrs),
    .infer = reduce_infer,
    REEL_PASSES(sum),
    REEL_CASES(reduce_cases),
    .random = reduce_random,
};
#endif
