/* sigmoid: y = 1 / (1 + e^-x);  dx = dy y (1 - y). Where e^-x overflows, y is 0 as it should be. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = 1 / (1 + e^-x) of each element. */
REEL_API reel_var reel_sigmoid(reel_var x);
#endif

static inline reel_real sigmoid_value(reel_unary u)
{
    return 1 / (1 + REEL_MATH(exp)(-u.x));
}

static inline reel_real sigmoid_slope(reel_unary u)
{
    return u.dy * u.y * (1 - u.y);
}

#define REEL_UNARY sigmoid
#define REEL_UNARY_FLAGS REEL_OP_NEEDS_OUTPUT
#include "core/ops/unary.h"
