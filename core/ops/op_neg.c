/* neg: y = -x;  dx = -dy. */
#include "core/ops/unary.h"

REEL_UNARY_PASSES(neg, 0, , -x, -dy)

#ifdef REEL_ONCE
REEL_UNARY_BUILDER(neg)
REEL_UNARY_OP(neg, 0, NULL, REEL_DRAW_NORMAL)
#endif
