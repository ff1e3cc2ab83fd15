/* log: y = ln x;  dx = dy / x. Negative x gives NaN, 0 gives -infinity, as IEEE 754 has it. */
#include "core/ops/unary.h"

REEL_UNARY_PASSES(log, REEL_OP_NEEDS_INPUTS, , REEL_MATH(log)(x), dy / x)

#ifdef REEL_ONCE
REEL_UNARY_BUILDER(log)
REEL_UNARY_OP(log, REEL_OP_NEEDS_INPUTS, NULL, REEL_DRAW_POSITIVE)
#endif
