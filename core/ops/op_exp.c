/* exp: y = e^x;  dx = dy y. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = e^x of each element. */
REEL_API reel_var reel_exp(reel_var x);
#endif

static inline reel_real exp_slope(reel_unary u)
{
    return u.dy * u.y;
}

#define REEL_UNARY exp
#define REEL_UNARY_VALUE REEL_MATH(exp)
#define REEL_UNARY_FLAGS REEL_OP_NEEDS_OUTPUT
#include "core/ops/unary.h"
