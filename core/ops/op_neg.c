/* neg: y = -x;  dx = -dy. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = -x. */
REEL_API reel_var reel_neg(reel_var x);
#endif

static inline reel_real neg_value(reel_unary u)
{
    return -u.x;
}

static inline reel_real neg_slope(reel_unary u)
{
    return -u.dy;
}

#define REEL_UNARY neg
#define REEL_UNARY_FLAGS 0
#include "core/ops/unary.h"
