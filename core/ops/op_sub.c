/* sub: y = a - b;  da = dy, db = -dy. */
#include "core/ops/binary.h"

REEL_DECLARE_OP(sub);
REEL_BINARY_TERMS(0, a - b, dy, -dy)
REEL_BINARY_PASSES(sub)

#ifdef REEL_ONCE
REEL_BINARY_OP(sub, 0, REEL_DRAW_NORMAL)
#endif
