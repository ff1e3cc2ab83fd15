/* mean: y = mean of x over the axes, m elements each;  dx = dy / m, repeated along them. */
#include "core/ops/reduce.h"

#ifdef REEL_PUBLIC
/* The mean of x over a set of axes: bit d of axes = dimension d, 0 = all dimensions. Without
 * keepdim the axes disappear from the shape, with keepdim they stay with size 1. */
REEL_API reel_var reel_mean(reel_var x, unsigned axes, bool keepdim);

/* The mean over everything, of shape (). */
REEL_API reel_var reel_mean_all(reel_var x);
#endif

REEL_DECLARE_OP(mean);

void REEL_FN(reel_mean_forward)(const reel_call *c)
{
    scaled_sum_forward(c, 1.0 / (double)reduce_count(c));
}

void REEL_FN(reel_mean_backward)(const reel_call *c)
{
    scaled_sum_backward(c, 1.0 / (double)reduce_count(c));
}

#ifdef REEL_ONCE
reel_var reel_mean_all(reel_var x)
{
    return reel_mean(x, 0, false);
}

reel_var reel_mean(reel_var x, unsigned axes, bool keepdim)
{
    const reduce_attrs attrs = {axes, keepdim};
    return reel_apply(&reel_op_mean, &attrs, sizeof attrs, &x, 1);
}

const reel_op reel_op_mean = {
    .name = "mean",
    .min_in = 1,
    .max_in = 1,
    .flags = REEL_OP_ASSIGNS,
    .attrs_bytes = sizeof(reduce_attrs),
    .infer = reduce_infer,
    REEL_PASSES(mean),
    REEL_CASES(reduce_cases),
    .random = reduce_random,
};
#endif
