/* exp: y = e^x;  dx = dy y. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = e^x of each element. */
REEL_API reel_var reel_exp(reel_var x);
#endif

static inline reel_real exp_value(reel_unary u)
{
    return REEL_MATH(exp)(u.x);
}

static inline reel_real exp_slope(reel_unary u)
{
    return u.dy * u.y;
}

#define REEL_UNARY exp
#include "core/ops/unary.h"

#ifdef REEL_ONCE
reel_var reel_exp(reel_var x)
{
    return reel_apply(&reel_op_exp, NULL, 0, &x, 1);
}

const reel_op reel_op_exp = {
    .name = "exp",
    .min_in = 1,
    .max_in = 1,
    .flags = REEL_OP_NEEDS_OUTPUT | REEL_OP_ASSIGNS,
    .forward = REEL_BOTH(reel_exp_forward),
    .backward = REEL_BOTH(reel_exp_backward),
    .cases = unary_cases,
    .n_cases = REEL_COUNT(unary_cases),
    .random = unary_random,
};
#endif
