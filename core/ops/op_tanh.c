/* tanh: y = tanh x;  dx = dy (1 - y^2). */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = the hyperbolic tangent of each element. */
REEL_API reel_var reel_tanh(reel_var x);
#endif

static inline reel_real tanh_value(reel_unary u)
{
    return REEL_MATH(tanh)(u.x);
}

static inline reel_real tanh_slope(reel_unary u)
{
    return u.dy * (1 - u.y * u.y);
}

#define REEL_UNARY tanh
#include "core/ops/unary.h"

#ifdef REEL_ONCE
reel_var reel_tanh(reel_var x)
{
    return reel_apply(&reel_op_tanh, NULL, 0, &x, 1);
}

const reel_op reel_op_tanh = {
    .name = "tanh",
    .min_in = 1,
    .max_in = 1,
    .flags = REEL_OP_NEEDS_OUTPUT | REEL_OP_ASSIGNS,
    .forward = REEL_BOTH(reel_tanh_forward),
    .backward = REEL_BOTH(reel_tanh_backward),
    .cases = unary_cases,
    .n_cases = REEL_COUNT(unary_cases),
    .random = unary_random,
};
#endif
