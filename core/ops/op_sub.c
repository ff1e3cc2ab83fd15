/* sub: y = a - b;  da = dy, db = -dy. */
#include "core/ops/binary.h"

#ifdef REEL_PUBLIC
/* y = a - b. Shapes broadcast as in NumPy: aligned at the last dimension, sizes are equal
 * or one of them is 1. */
REEL_API reel_var reel_sub(reel_var a, reel_var b);
#endif

static inline reel_real sub_value(reel_binary e)
{
    return e.a - e.b;
}

static inline reel_real sub_to_a(reel_binary e)
{
    return e.dy;
}

static inline reel_real sub_to_b(reel_binary e)
{
    return -e.dy;
}

#define REEL_BINARY sub
#include "core/ops/binary.h"

#ifdef REEL_ONCE
reel_var reel_sub(reel_var a, reel_var b)
{
    return sub_apply(a, b);
}

const reel_op reel_op_sub = {
    .name = "sub",
    .min_in = 2,
    .max_in = 2,
    .flags = REEL_OP_ASSIGNS,
    .infer = broadcast_infer,
    .forward = REEL_BOTH(reel_sub_forward),
    .backward = REEL_BOTH(reel_sub_backward),
    .cases = sub_cases,
    .n_cases = REEL_COUNT(sub_cases),
    .random = binary_random,
};
#endif
