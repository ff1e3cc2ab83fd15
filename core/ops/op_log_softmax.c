/* log_softmax over the last dimension: y_k = x_k - max - ln sum_j e^(x_j - max);  dx_k = dy_k -
 * e^(y_k) sum_j dy_j. */
#include "core/ops/softmax.h"

#ifdef REEL_PUBLIC
/* y_k = x_k - ln sum_j e^x_j over the last dimension, which has at least one element. */
REEL_API reel_var reel_log_softmax(reel_var x);
#endif

static inline void log_softmax_value(softmax_line at, const reel_real *x, reel_real *y)
{
    const reel_real top = softmax_line_max(at, x);
    const double log_sum = reel_math_log(line_exponentials(x, at.length, at.stride, top, NULL));
    for (int64_t k = 0; k < at.n; k += at.stride)
        y[k] = (reel_real)((double)(x[k] - top) - log_sum);
}

static inline void log_softmax_slope(softmax_line at, const reel_real *y, const reel_real *dy,
                                     bool fresh, reel_real *dx)
{
    double sum = 0;
    for (int64_t k = 0; k < at.n; k += at.stride)
        sum += (double)dy[k];
    for (int64_t k = 0; k < at.n; k += at.stride)
        dx[k] =
            (fresh ? 0 : dx[k]) + (reel_real)((double)dy[k] - (double)REEL_MATH(exp)(y[k]) * sum);
}

#define REEL_SOFTMAX log_softmax
#include "core/ops/softmax.h"
