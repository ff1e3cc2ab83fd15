/* tanh: y = tanh x;  dx = dy (1 - y^2). */
#include "core/ops/unary.h"

REEL_UNARY_PASSES(tanh, REEL_OP_NEEDS_OUTPUT, , REEL_MATH(tanh)(x), (dy * (1 - y * y)))

#ifdef REEL_ONCE
REEL_UNARY_BUILDER(tanh)
REEL_UNARY_OP(tanh, REEL_OP_NEEDS_OUTPUT, NULL, REEL_DRAW_NORMAL)
#endif
