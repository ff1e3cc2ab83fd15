/* silu: y = x s with s = 1 / (1 + e^-x);  dx = dy s (1 + x (1 - s)). At minus infinity y is NaN, as
 * in PyTorch. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = x / (1 + e^-x) of each element: PyTorch's SiLU, also called swish. */
REEL_API reel_var reel_silu(reel_var x);
#endif

static inline reel_real silu_value(reel_unary u)
{
    return u.x / (1 + REEL_MATH(exp)(-u.x));
}

static inline reel_real silu_slope(reel_unary u)
{
    const reel_real s = 1 / (1 + REEL_MATH(exp)(-u.x));
    return u.dy * s * (1 + u.x * (1 - s));
}

#define REEL_UNARY silu
#define REEL_UNARY_FLAGS REEL_OP_NEEDS_INPUTS
#include "core/ops/unary.h"
