/* sqrt: y = x^(1/2);  dx = dy / (2 y). At 0 the gradient is infinite: the slope is. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = the square root of each element: NaN where x < 0. The gradient at 0 is infinite. */
REEL_API reel_var reel_sqrt(reel_var x);
#endif

static inline reel_real sqrt_slope(reel_unary u)
{
    return u.dy / (2 * u.y);
}

#define REEL_UNARY sqrt
#define REEL_UNARY_VALUE REEL_MATH(sqrt)
#define REEL_UNARY_FLAGS REEL_OP_NEEDS_OUTPUT
#define REEL_UNARY_DRAW REEL_DRAW_POSITIVE
#include "core/ops/unary.h"
