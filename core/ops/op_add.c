/* add: y = a + b;  da = dy, db = dy. */
#include "core/ops/binary.h"

#ifdef REEL_PUBLIC
/* y = a + b. Shapes broadcast as in NumPy: aligned at the last dimension, sizes are equal
 * or one of them is 1. */
REEL_API reel_var reel_add(reel_var a, reel_var b);
#endif

static inline reel_real add_value(reel_binary e)
{
    return e.a + e.b;
}

static inline reel_real add_to_a(reel_binary e)
{
    return e.dy;
}

static inline reel_real add_to_b(reel_binary e)
{
    return e.dy;
}

#define REEL_BINARY add
#define REEL_BINARY_FLAGS 0
#include "core/ops/binary.h"
