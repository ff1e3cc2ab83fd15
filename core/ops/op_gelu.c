/* gelu: y = x Phi(x) with Phi(x) = (1 + erf(x / sqrt 2)) / 2, the normal distribution (Hendrycks
 * and Gimpel 2016);  dx = dy (Phi(x) + x e^(-x^2 / 2) / sqrt(2 pi)). */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = x (1 + erf(x / sqrt 2)) / 2 of each element: PyTorch's GELU with approximate 'none'
 * (Hendrycks and Gimpel 2016). */
REEL_API reel_var reel_gelu(reel_var x);
#endif

static inline reel_real gelu_share(reel_real x)
{
    const reel_real root_half = (reel_real)0x1.6a09e667f3bcdp-1;
    return (reel_real)0.5 * (1 + REEL_MATH(erf)(x * root_half));
}

static inline reel_real gelu_value(reel_unary u)
{
    return u.x * gelu_share(u.x);
}

static inline reel_real gelu_slope(reel_unary u)
{
    const reel_real root = (reel_real)0x1.9884533d43651p-2; /* 1 / sqrt(2 pi) */
    const reel_real density = root * REEL_MATH(exp)((reel_real)-0.5 * u.x * u.x);
    return u.dy * (gelu_share(u.x) + u.x * density);
}

#define REEL_UNARY gelu
#define REEL_UNARY_FLAGS REEL_OP_NEEDS_INPUTS
#include "core/ops/unary.h"
