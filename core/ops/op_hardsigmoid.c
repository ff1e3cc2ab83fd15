/* hardsigmoid: y = min(max(x + 3, 0), 6) / 6;  dx = dy / 6 where -3 < x < 3, else 0. PyTorch's
 * float64 gradient multiplies by 1/6 in float, so it differs from this one by 3e-8. NaN stays NaN.
 */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = min(max(x + 3, 0), 6) / 6 of each element: PyTorch's Hardsigmoid. The gradient is 0 at -3 and
 * at 3. */
REEL_API reel_var reel_hardsigmoid(reel_var x);
#endif

static inline reel_real hardsigmoid_value(reel_unary u)
{
    const reel_real moved = u.x + 3, from_below = moved < 0 ? 0 : moved;
    return (from_below > 6 ? 6 : from_below) / 6;
}

static inline reel_real hardsigmoid_slope(reel_unary u)
{
    const reel_real slope = u.dy / 6;
    return u.x > -3 && u.x < 3 ? slope : 0;
}

#ifdef REEL_ONCE
/* Past both corners: drawn values lie between -1.8 and 1.8. */
static reel_var hardsigmoid_far(reel_tape *tape, const reel_var *in)
{
    return reel_hardsigmoid(reel_mul(in[0], reel_scalar(tape, 4)));
}

static const reel_op_case hardsigmoid_cases[] = {
    {.label = "number", .in = "()"},
    {.label = "matrix", .in = "(5, 3)"},
    {.label = "images", .in = "(2, 3, 4, 5)"},
    {.label = "past the corners", .in = "(2, 3, 4, 5)", .build = hardsigmoid_far},
};
#endif

#define REEL_UNARY hardsigmoid
#define REEL_UNARY_FLAGS REEL_OP_NEEDS_INPUTS
#define REEL_UNARY_DRAW REEL_DRAW_DISTINCT
#define REEL_UNARY_CASES hardsigmoid_cases
#include "core/ops/unary.h"
