/* relu: y = max(x, 0);  dx = dy where y > 0, else 0. NaN stays NaN. Backward reads y, so x may be
 * freed or overwritten. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = max(x, 0); the gradient at 0 is 0. NaN stays NaN. */
REEL_API reel_var reel_relu(reel_var x);
#endif

static inline reel_real relu_value(reel_unary u)
{
    return u.x < 0 ? 0 : u.x;
}

static inline reel_real relu_slope(reel_unary u)
{
    return u.y > 0 ? u.dy : 0;
}

#define REEL_UNARY relu
#include "core/ops/unary.h"

#ifdef REEL_ONCE
reel_var reel_relu(reel_var x)
{
    return reel_apply(&reel_op_relu, NULL, 0, &x, 1);
}

const reel_op reel_op_relu = {
    .name = "relu",
    .min_in = 1,
    .max_in = 1,
    .flags = REEL_OP_NEEDS_OUTPUT | REEL_OP_ASSIGNS,
    .forward = REEL_BOTH(reel_relu_forward),
    .backward = REEL_BOTH(reel_relu_backward),
    .draw = REEL_DRAW_DISTINCT,
    .cases = unary_cases,
    .n_cases = REEL_COUNT(unary_cases),
    .random = unary_random,
};
#endif
