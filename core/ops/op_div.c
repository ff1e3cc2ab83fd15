/* div: y = a / b;  da = dy / b, db = -dy a / b^2. */
#include "core/ops/binary.h"

REEL_DECLARE_OP(div);
REEL_BINARY_TERMS(REEL_OP_NEEDS_INPUTS, a / b, dy / b, (-dy * a / (b * b)))
REEL_BINARY_PASSES(div)

#ifdef REEL_ONCE
REEL_BINARY_OP(div, REEL_OP_NEEDS_INPUTS, REEL_DRAW_POSITIVE)
#endif
