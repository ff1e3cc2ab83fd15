/* mean: y = mean of x over the axes, m elements each;  dx = dy / m, repeated along them. */
#include "core/ops/reduce.h"

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

REEL_REDUCE_OP(mean, REEL_OP_ASSIGNS, reduce_infer, REEL_DRAW_NORMAL)
#endif
