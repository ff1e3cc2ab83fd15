/* exp: y = e^x;  dx = dy y. */
#include "core/ops/unary.h"

REEL_UNARY_PASSES(exp, REEL_OP_NEEDS_OUTPUT, , REEL_MATH(exp)(x), (dy * y))

#ifdef REEL_ONCE
REEL_UNARY_BUILDER(exp)
REEL_UNARY_OP(exp, REEL_OP_NEEDS_OUTPUT, NULL, REEL_DRAW_NORMAL)
#endif
