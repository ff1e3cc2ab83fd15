/* sqrt: y = x^(1/2);  dx = dy / (2 y). At 0 the gradient is infinite: the slope is. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = the square root of each element: NaN where x < 0. The gradient at 0 is infinite. */
REEL_API reel_var reel_sqrt(reel_var x);
#endif

static inline reel_real sqrt_value(reel_unary u)
{
    return REEL_MATH(sqrt)(u.x);
}

static inline reel_real sqrt_slope(reel_unary u)
{
    return u.dy / (2 * u.y);
}

#define REEL_UNARY sqrt
#include "core/ops/unary.h"

#ifdef REEL_ONCE
reel_var reel_sqrt(reel_var x)
{
    return reel_apply(&reel_op_sqrt, NULL, 0, &x, 1);
}

const reel_op reel_op_sqrt = {
    .name = "sqrt",
    .min_in = 1,
    .max_in = 1,
    .flags = REEL_OP_NEEDS_OUTPUT | REEL_OP_ASSIGNS,
    .forward = REEL_BOTH(reel_sqrt_forward),
    .backward = REEL_BOTH(reel_sqrt_backward),
    .draw = REEL_DRAW_POSITIVE,
    .cases = unary_cases,
    .n_cases = REEL_COUNT(unary_cases),
    .random = unary_random,
};
#endif
