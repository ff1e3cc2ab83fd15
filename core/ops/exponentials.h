/* Exponentials of a line of logits and their sum: what softmax, log_softmax and cross_entropy
 * share. */
#ifndef REEL_CORE_OPS_EXPONENTIALS_H
#define REEL_CORE_OPS_EXPONENTIALS_H

#include "core/op_impl.h"

/* to[k stride] = e^(x[k stride] - top) for k < n, where `to` is not NULL; returns the sum in order.
 *
 * A block at a time: the loop of exponentials runs over local arrays to a multiple of 4, so
 * compilers make vectors of it that need no care for overlaps, strides or the last few elements.
 * The sum keeps its order and cannot be one. */
static inline double line_exponentials(const reel_real *x, int64_t n, int64_t stride, reel_real top,
                                       reel_real *to)
{
    reel_real shifted[128], e[128];
    double sum = 0;
    for (int64_t begin = 0; begin < n; begin += REEL_COUNT(e)) {
        const int64_t count = n - begin < REEL_COUNT(e) ? n - begin : REEL_COUNT(e);
        const int64_t whole = (count + 3) / 4 * 4;
        const reel_real *from = x + begin * stride;
        for (int64_t k = 0; k < count; k++)
            shifted[k] = from[k * stride] - top;
        for (int64_t k = count; k < whole; k++)
            shifted[k] = 0;

        for (int64_t k = 0; k < whole; k++)
            e[k] = REEL_MATH(exp)(shifted[k]);

        for (int64_t k = 0; k < count; k++)
            sum += (double)e[k];
        if (to)
            for (int64_t k = 0; k < count; k++)
                to[(begin + k) * stride] = e[k];
    }
    return sum;
}

#endif
