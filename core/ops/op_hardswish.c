/* hardswish: y = x min(max(x + 3, 0), 6) / 6 (Howard et al. 2019);  dx = 0 where x <= -3, dy where
 * x
 * >= 3, else dy (x / 3 + 1/2), as PyTorch has it at the corners. NaN stays NaN. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = x min(max(x + 3, 0), 6) / 6 of each element: PyTorch's Hardswish (Howard et al. 2019). The
 * gradient is 0 at -3 and 1 at 3. */
REEL_API reel_var reel_hardswish(reel_var x);
#endif

static inline reel_real hardswish_value(reel_unary u)
{
    const reel_real moved = u.x + 3, from_below = moved < 0 ? 0 : moved;
    return u.x * (from_below > 6 ? 6 : from_below) / 6;
}

static inline reel_real hardswish_slope(reel_unary u)
{
    const reel_real between = u.dy * (u.x / 3 + (reel_real)0.5);
    const reel_real below = u.x <= -3 ? 0 : between;
    return u.x >= 3 ? u.dy : below;
}

#ifdef REEL_ONCE
/* Past both corners: drawn values lie between -1.8 and 1.8. */
static reel_var hardswish_far(reel_tape *tape, const reel_var *in)
{
    return reel_hardswish(reel_mul(in[0], reel_scalar(tape, 4)));
}

static const reel_op_case hardswish_cases[] = {
    {.label = "number", .in = "()"},
    {.label = "matrix", .in = "(5, 3)"},
    {.label = "images", .in = "(2, 3, 4, 5)"},
    {.label = "past the corners", .in = "(2, 3, 4, 5)", .build = hardswish_far},
};
#endif

#define REEL_UNARY hardswish
#define REEL_UNARY_FLAGS REEL_OP_NEEDS_INPUTS
#define REEL_UNARY_DRAW REEL_DRAW_DISTINCT
#define REEL_UNARY_CASES hardswish_cases
#include "core/ops/unary.h"
