/* relu: y = max(x, 0);  dx = dy where y > 0, else 0. NaN stays NaN. Backward reads y, so x may be
 * freed or overwritten. */
#include "core/ops/unary.h"

REEL_UNARY_PASSES(relu, REEL_OP_NEEDS_OUTPUT, , (x < 0 ? 0 : x), (y > 0 ? dy : 0))

#ifdef REEL_ONCE
REEL_UNARY_BUILDER(relu)
REEL_UNARY_OP(relu, REEL_OP_NEEDS_OUTPUT, NULL, REEL_DRAW_DISTINCT)
#endif
