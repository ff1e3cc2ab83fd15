/* Loops over one stretch of numbers, compiled for float and for double: sum of squares, scaling,
 * clamping, filling.
 *
 * The sum of squares is taken in double, in 16 interleaved partial sums that are added in a fixed
 * order: it vectorises without changing the order of additions, and squares of finite floats cannot
 * overflow. */
#include "core/real.h"
#include "optim/engine/internal.h"

enum { LANES = 16 };

reel_square_sum_fn REEL_FN(reel_square_sum);
double REEL_FN(reel_square_sum)(const void *x_, int64_t n)
{
    const reel_real *x = x_;
    double lane[LANES] = {0};

    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (double)x[i + l] * (double)x[i + l];
    for (int l = 0; i < n; i++, l++)
        lane[l] += (double)x[i] * (double)x[i];

    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lane[l] += lane[l + half];
    return lane[0];
}

reel_scalar_loop_fn REEL_FN(reel_scale);
void REEL_FN(reel_scale)(void *x_, int64_t n, double a)
{
    reel_real *x = x_;
    const reel_real factor = (reel_real)a;
    for (int64_t i = 0; i < n; i++)
        x[i] *= factor;
}

/* NaN stays NaN: both comparisons are false. */
reel_scalar_loop_fn REEL_FN(reel_clamp);
void REEL_FN(reel_clamp)(void *x_, int64_t n, double a)
{
    reel_real *x = x_;
    const reel_real high = (reel_real)a, low = -high;
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] > high ? high : x[i] < low ? low : x[i];
}

reel_scalar_loop_fn REEL_FN(reel_fill);
void REEL_FN(reel_fill)(void *x_, int64_t n, double a)
{
    reel_real *x = x_;
    const reel_real value = (reel_real)a;
    for (int64_t i = 0; i < n; i++)
        x[i] = value;
}

#ifdef REEL_ONCE
reel_square_sum_fn reel_square_sum_f64;
reel_scalar_loop_fn reel_scale_f64, reel_clamp_f64, reel_fill_f64;
reel_square_sum_fn *const reel_square_sum_loops[REEL_DTYPES] = REEL_BOTH(reel_square_sum);
reel_scalar_loop_fn *const reel_scale_loops[REEL_DTYPES] = REEL_BOTH(reel_scale);
reel_scalar_loop_fn *const reel_fill_loops[REEL_DTYPES] = REEL_BOTH(reel_fill);
reel_scalar_loop_fn *const reel_clamp_loops[REEL_DTYPES] = REEL_BOTH(reel_clamp);
#endif
