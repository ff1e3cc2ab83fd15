/* Rows of logits in a loss: their softmax, the logarithms of it, and the sum over rows.
 * cross_entropy and cross_entropy_soft share it. */
#ifndef REEL_CORE_OPS_LOSS_ROW_H
#define REEL_CORE_OPS_LOSS_ROW_H

#include "core/op_impl.h"
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

/* The loss of row i, x; p receives its softmax where it is not NULL. */
typedef double loss_of_row_fn(const void *attrs, int64_t i, const reel_real *x, reel_real *p);

/* Forward of logits (n, classes): the rows' losses, added in order whatever the number of threads.
 * Softmax goes to c->saved if there is such memory. Scratch: n doubles. */
static inline double sum_of_row_losses(const reel_call *c, loss_of_row_fn *loss)
{
    const int64_t n = c->in[0].shape[0], classes = c->in[0].shape[1];
    const reel_real *x = c->in[0].data;
    reel_real *p = c->saved;
    double *row = c->scratch;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(c->ctx)) if (n * classes > 4096)
    for (int64_t i = 0; i < n; i++)
        row[i] = loss(c->attrs, i, x + i * classes, p ? p + i * classes : NULL);

    double total = 0;
    for (int64_t i = 0; i < n; i++)
        total += row[i];
    return total;
}

#endif
