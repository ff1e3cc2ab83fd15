/* div: y = a / b;  da = dy / b, db = -dy a / b^2. */
#include "core/ops/binary.h"

#ifdef REEL_PUBLIC
/* y = a / b. Shapes broadcast as in NumPy: aligned at the last dimension, sizes are equal
 * or one of them is 1. */
REEL_API reel_var reel_div(reel_var a, reel_var b);
#endif

static inline reel_real div_value(reel_binary e)
{
    return e.a / e.b;
}

static inline reel_real div_to_a(reel_binary e)
{
    return e.dy / e.b;
}

static inline reel_real div_to_b(reel_binary e)
{
    return -e.dy * e.a / (e.b * e.b);
}

#define REEL_BINARY div
#include "core/ops/binary.h"

#ifdef REEL_ONCE
reel_var reel_div(reel_var a, reel_var b)
{
    return div_apply(a, b);
}

const reel_op reel_op_div = {
    .name = "div",
    .min_in = 2,
    .max_in = 2,
    .flags = REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS,
    .infer = broadcast_infer,
    .forward = REEL_BOTH(reel_div_forward),
    .backward = REEL_BOTH(reel_div_backward),
    .draw = REEL_DRAW_POSITIVE,
    .cases = div_cases,
    .n_cases = REEL_COUNT(div_cases),
    .random = binary_random,
};
#endif
