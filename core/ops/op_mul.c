/* mul: y = a b;  da = dy b, db = dy a. */
#include "core/ops/binary.h"

#ifdef REEL_PUBLIC
/* y = a b. Shapes broadcast as in NumPy: aligned at the last dimension, sizes are equal
 * or one of them is 1. */
REEL_API reel_var reel_mul(reel_var a, reel_var b);
#endif

static inline reel_real mul_value(reel_binary e)
{
    return e.a * e.b;
}

static inline reel_real mul_to_a(reel_binary e)
{
    return e.dy * e.b;
}

static inline reel_real mul_to_b(reel_binary e)
{
    return e.dy * e.a;
}

#define REEL_BINARY mul
#define REEL_BINARY_FLAGS REEL_OP_NEEDS_INPUTS
#include "core/ops/binary.h"
