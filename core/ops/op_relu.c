/* relu: y = max(x, 0);  dx = dy where y > 0, else 0. NaN stays NaN. Backward reads y, so x may be
 * freed or overwritten. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = max(x, 0); the gradient at 0 is 0. NaN stays NaN. */
REEL_API reel_var reel_relu(reel_var x);
#endif

static inline reel_real relu_value(reel_unary u)
{
    return u.x < 0 ? 0 : u.x;
}

static inline reel_real relu_slope(reel_unary u)
{
    return u.y > 0 ? u.dy : 0;
}

#define REEL_UNARY relu
#define REEL_UNARY_FLAGS REEL_OP_NEEDS_OUTPUT
#define REEL_UNARY_DRAW REEL_DRAW_DISTINCT
#include "core/ops/unary.h"
