/* sigmoid: y = 1 / (1 + e^-x);  dx = dy y (1 - y). Where e^-x overflows, y is 0 as it should be. */
#include "core/ops/unary.h"

REEL_UNARY_PASSES(sigmoid, REEL_OP_NEEDS_OUTPUT, , 1 / (1 + REEL_MATH(exp)(-x)), (dy * y * (1 - y)))

#ifdef REEL_ONCE
REEL_UNARY_BUILDER(sigmoid)
REEL_UNARY_OP(sigmoid, REEL_OP_NEEDS_OUTPUT, NULL, REEL_DRAW_NORMAL)
#endif
