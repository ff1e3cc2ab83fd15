/* tanh: y = tanh x;  dx = dy (1 - y^2). */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = the hyperbolic tangent of each element. */
REEL_API reel_var reel_tanh(reel_var x);
#endif

static inline reel_real tanh_slope(reel_unary u)
{
    return u.dy * (1 - u.y * u.y);
}

#define REEL_UNARY tanh
#define REEL_UNARY_VALUE REEL_MATH(tanh)
#define REEL_UNARY_FLAGS REEL_OP_NEEDS_OUTPUT
#include "core/ops/unary.h"
