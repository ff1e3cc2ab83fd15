/* sum: y = sum of x over the axes;  dx = dy, repeated along them. */
#include "core/ops/reduce.h"

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
REEL_REDUCE_OP(sum, REEL_OP_ASSIGNS, reduce_infer, REEL_DRAW_NORMAL)
#endif
