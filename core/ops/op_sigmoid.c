/* sigmoid: y = 1 / (1 + e^-x);  dx = dy y (1 - y). Where e^-x overflows, y is 0 as it should be. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = 1 / (1 + e^-x) of each element. */
REEL_API reel_var reel_sigmoid(reel_var x);
#endif

static inline reel_real sigmoid_value(reel_unary u)
{
    return 1 / (1 + REEL_MATH(exp)(-u.x));
}

static inline reel_real sigmoid_slope(reel_unary u)
{
    return u.dy * u.y * (1 - u.y);
}

#define REEL_UNARY sigmoid
#include "core/ops/unary.h"

#ifdef REEL_ONCE
reel_var reel_sigmoid(reel_var x)
{
    return reel_apply(&reel_op_sigmoid, NULL, 0, &x, 1);
}

const reel_op reel_op_sigmoid = {
    .name = "sigmoid",
    .min_in = 1,
    .max_in = 1,
    .flags = REEL_OP_NEEDS_OUTPUT | REEL_OP_ASSIGNS,
    .forward = REEL_BOTH(reel_sigmoid_forward),
    .backward = REEL_BOTH(reel_sigmoid_backward),
    .cases = unary_cases,
    .n_cases = REEL_COUNT(unary_cases),
    .random = unary_random,
};
#endif
