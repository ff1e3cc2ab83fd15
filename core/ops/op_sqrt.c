/* sqrt: y = x^(1/2);  dx = dy / (2 y). At 0 the gradient is infinite: the slope is. */
#include "core/ops/unary.h"

REEL_UNARY_PASSES(sqrt, REEL_OP_NEEDS_OUTPUT, , REEL_MATH(sqrt)(x), dy / (2 * y))

#ifdef REEL_ONCE
REEL_UNARY_BUILDER(sqrt)
REEL_UNARY_OP(sqrt, REEL_OP_NEEDS_OUTPUT, NULL, REEL_DRAW_POSITIVE)
#endif
