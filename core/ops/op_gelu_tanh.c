/* gelu_tanh: y = x (1 + t) / 2 with t = tanh u, u = sqrt(2 / pi) (x + 0.044715 x^3), which is gelu
 * without erf (Hendrycks and Gimpel 2016);  dx = dy ((1 + t) / 2 + x (1 - t^2) u' / 2) with u' =
 * sqrt(2 / pi) (1 + 3 * 0.044715 x^2). */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 of each element: PyTorch's GELU with
 * approximate 'tanh' (Hendrycks and Gimpel 2016). */
REEL_API reel_var reel_gelu_tanh(reel_var x);
#endif

static const double gelu_root = 0x1.9884533d43651p-1; /* sqrt(2 / pi) */
static const double gelu_cubic = 0.044715;

static inline reel_real gelu_tanh_of(reel_real x)
{
    const reel_real root = (reel_real)gelu_root, cubic = (reel_real)gelu_cubic;
    return REEL_MATH(tanh)(root * (x + cubic * x * x * x));
}

static inline reel_real gelu_tanh_value(reel_unary u)
{
    return (reel_real)0.5 * u.x * (1 + gelu_tanh_of(u.x));
}

static inline reel_real gelu_tanh_slope(reel_unary u)
{
    const reel_real root = (reel_real)gelu_root, cubic = (reel_real)(3 * gelu_cubic);
    const reel_real t = gelu_tanh_of(u.x), inner = root * (1 + cubic * u.x * u.x);
    return u.dy * ((reel_real)0.5 * (1 + t) + (reel_real)0.5 * u.x * (1 - t * t) * inner);
}

#define REEL_UNARY gelu_tanh
#define REEL_UNARY_FLAGS REEL_OP_NEEDS_INPUTS
#include "core/ops/unary.h"
