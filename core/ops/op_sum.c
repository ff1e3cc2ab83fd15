/* sum: y = sum of x over the axes;  dx = dy, repeated along them. */
#include "core/ops/reduce.h"

#ifdef REEL_PUBLIC
/* The sum of x over a set of axes: bit d of axes = dimension d, 0 = all dimensions. Without
 * keepdim the axes disappear from the shape, with keepdim they stay with size 1. */
REEL_API reel_var reel_sum(reel_var x, unsigned axes, bool keepdim);
#endif

static inline double sum_scale(const reel_call *c)
{
    (void)c;
    return 1;
}

#define REEL_SCALED_SUM sum
#include "core/ops/reduce.h"
