/* A row of logits in a loss: its softmax and the logarithms of it. cross_entropy and
 * cross_entropy_soft share it. */
#ifndef REEL_CORE_OPS_LOSS_ROW_H
#define REEL_CORE_OPS_LOSS_ROW_H

#include "core/ops/exponentials.h"

/* Returns `offset`, with -log softmax(x)[k] = offset - x[k]; p[k] = softmax(x)[k] where p is not
 * NULL. The maximum is subtracted first, so no exponential overflows. */
static inline double loss_row(const reel_real *x, int64_t classes, reel_real *p)
{
    reel_real top = x[0];
    for (int64_t k = 1; k < classes; k++)
        top = x[k] > top ? x[k] : top;

    /* p_k = e^(x_k - top) / sum */
    const double sum = line_exponentials(x, classes, 1, top, p);
    if (p) {
        const reel_real inverse = (reel_real)(1 / sum);
        for (int64_t k = 0; k < classes; k++)
            p[k] *= inverse;
    }
    return (double)top + reel_math_log(sum);
}

#endif
