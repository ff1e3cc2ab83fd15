/* log: y = ln x;  dx = dy / x. Negative x gives NaN, 0 gives -infinity, as IEEE 754 has it. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = ln x of each element: NaN where x < 0, -infinity at 0. */
REEL_API reel_var reel_log(reel_var x);
#endif

static inline reel_real log_value(reel_unary u)
{
    return REEL_MATH(log)(u.x);
}

static inline reel_real log_slope(reel_unary u)
{
    return u.dy / u.x;
}

#define REEL_UNARY log
#include "core/ops/unary.h"

#ifdef REEL_ONCE
reel_var reel_log(reel_var x)
{
    return reel_apply(&reel_op_log, NULL, 0, &x, 1);
}

const reel_op reel_op_log = {
    .name = "log",
    .min_in = 1,
    .max_in = 1,
    .flags = REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS,
    .forward = REEL_BOTH(reel_log_forward),
    .backward = REEL_BOTH(reel_log_backward),
    .draw = REEL_DRAW_POSITIVE,
    .cases = unary_cases,
    .n_cases = REEL_COUNT(unary_cases),
    .random = unary_random,
};
#endif
