/* One stretch of the moving average of weights, compiled for float and for double:
 * a = decay a + (1 - decay) w, in the order of torchvision's ExponentialMovingAverage. */
#include "core/real.h"
#include "optim/engine/internal.h"

reel_ema_loop_fn REEL_FN(reel_ema_loop);
void REEL_FN(reel_ema_loop)(void *average, const void *weight, int64_t n, double decay)
{
    reel_real *restrict a = average;
    const reel_real *restrict w = weight;
    const reel_real keep = (reel_real)decay, rest = (reel_real)(1 - decay);
    for (int64_t i = 0; i < n; i++)
        a[i] = keep * a[i] + rest * w[i];
}

#ifdef REEL_ONCE
reel_ema_loop_fn reel_ema_loop_f64;
reel_ema_loop_fn *const reel_ema_loops[REEL_DTYPES] = REEL_BOTH(reel_ema_loop);
#endif
