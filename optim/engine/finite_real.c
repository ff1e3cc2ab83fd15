/* Whether all numbers of a stretch are finite, compiled for float and for double.
 *
 * 0 x is 0 for a finite x and NaN for any other, and a NaN stays in a sum. 32 independent sums let
 * the loop run at the speed of memory. */
#include "core/real.h"
#include "optim/engine/internal.h"

enum { LANES = 32 };

reel_finite_fn REEL_FN(reel_finite);
bool REEL_FN(reel_finite)(const void *x_, int64_t n)
{
    const reel_real *x = x_;
    reel_real lane[LANES] = {0};

    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += x[i + l] * 0;
    for (int l = 0; i < n; i++, l++)
        lane[l] += x[i] * 0;

    reel_real sum = 0;
    for (int l = 0; l < LANES; l++)
        sum += lane[l];
    return sum == 0;
}

#ifdef REEL_ONCE
reel_finite_fn reel_finite_f64;
reel_finite_fn *const reel_finite_loops[REEL_DTYPES] = REEL_BOTH(reel_finite);
#endif
