/* softmax over the last dimension: y_k = e^(x_k - max) / sum_j e^(x_j - max);  dx_k = y_k (dy_k -
 * sum_j dy_j y_j). */
#include "core/ops/softmax.h"

#ifdef REEL_PUBLIC
/* y_k = e^x_k / sum_j e^x_j over the last dimension, which has at least one element. */
REEL_API reel_var reel_softmax(reel_var x);
#endif

static inline void softmax_value(softmax_line at, const reel_real *x, reel_real *y)
{
    const reel_real top = softmax_line_max(at, x);
    const double sum = line_exponentials(x, at.length, at.stride, top, y);
    const reel_real inverse = (reel_real)(1 / sum);
    for (int64_t k = 0; k < at.n; k += at.stride)
        y[k] *= inverse;
}

static inline void softmax_slope(softmax_line at, const reel_real *y, const reel_real *dy,
                                 bool fresh, reel_real *dx)
{
    double sum = 0;
    for (int64_t k = 0; k < at.n; k += at.stride)
        sum += (double)dy[k] * (double)y[k];
    for (int64_t k = 0; k < at.n; k += at.stride)
        dx[k] = (fresh ? 0 : dx[k]) + (reel_real)((double)y[k] * ((double)dy[k] - sum));
}

#define REEL_SOFTMAX softmax
#include "core/ops/softmax.h"
