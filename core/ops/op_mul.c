/* mul: y = a b;  da = dy b, db = dy a. */
#include "core/ops/binary.h"

REEL_DECLARE_OP(mul);
REEL_BINARY_TERMS(REEL_OP_NEEDS_INPUTS, (a * b), (dy * b), (dy * a))
REEL_BINARY_PASSES(mul)

#ifdef REEL_ONCE
REEL_BINARY_OP(mul, REEL_OP_NEEDS_INPUTS, REEL_DRAW_NORMAL)
#endif
