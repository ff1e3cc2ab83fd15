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
#include "core/ops/unary.h"

#ifdef REEL_ONCE
reel_var reel_neg(reel_var x)
{
    return reel_apply(&reel_op_neg, NULL, 0, &x, 1);
}

const reel_op reel_op_neg = {
    .name = "neg",
    .min_in = 1,
    .max_in = 1,
    .flags = REEL_OP_ASSIGNS,
    .forward = REEL_BOTH(reel_neg_forward),
    .backward = REEL_BOTH(reel_neg_backward),
    .cases = unary_cases,
    .n_cases = REEL_COUNT(unary_cases),
    .random = unary_random,
};
#endif
