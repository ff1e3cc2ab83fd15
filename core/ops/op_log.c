/* log: y = ln x;  dx = dy / x. Negative x gives NaN, 0 gives -infinity, as IEEE 754 has it. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = ln x of each element: NaN where x < 0, -infinity at 0. */
REEL_API reel_var reel_log(reel_var x);
#endif

static inline reel_real log_slope(reel_unary u)
{
    return u.dy / u.x;
}

#define REEL_UNARY log
#define REEL_UNARY_VALUE REEL_MATH(log)
#define REEL_UNARY_FLAGS REEL_OP_NEEDS_INPUTS
#define REEL_UNARY_DRAW REEL_DRAW_POSITIVE
#include "core/ops/unary.h"
