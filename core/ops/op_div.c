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
#define REEL_BINARY_FLAGS REEL_OP_NEEDS_INPUTS
#define REEL_BINARY_DRAW REEL_DRAW_POSITIVE
#include "core/ops/binary.h"
