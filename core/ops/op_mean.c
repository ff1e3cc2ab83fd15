/* mean: y = mean of x over the axes, m elements each;  dx = dy / m, repeated along them. */
#include "core/ops/reduce.h"

#ifdef REEL_PUBLIC
/* The mean of x over a set of axes: bit d of axes = dimension d, 0 = all dimensions. Without
 * keepdim the axes disappear from the shape, with keepdim they stay with size 1. */
REEL_API reel_var reel_mean(reel_var x, unsigned axes, bool keepdim);

/* The mean over everything, of shape (). */
REEL_API reel_var reel_mean_all(reel_var x);
#endif

static inline double mean_scale(const reel_call *c)
{
    return 1.0 / (double)reduce_count(c);
}

#define REEL_SCALED_SUM mean
#include "core/ops/reduce.h"

#ifdef REEL_ONCE
reel_var reel_mean_all(reel_var x)
{
    return reel_mean(x, 0, false);
}
#endif
