/* softmax over the last dimension: y_k = e^(x_k - max) / sum_j e^(x_j - max);  dx_k = y_k (dy_k -
 * sum_j dy_j y_j). */
#include "core/ops/softmax.h"

#ifdef REEL_PUBLIC
/* y_k = e^x_k / sum_j e^x_j over the last dimension, which has at least one element. */
REEL_API reel_var reel_softmax(reel_var x);
#endif

REEL_DECLARE_OP(softmax);

void REEL_FN(reel_softmax_forward)(const reel_call *c)
{
    const softmax_lines l = softmax_lines_of(&c->out);
    REEL_FOR_LINES(c, l, i) {
        const int64_t begin = softmax_line_begin(&l, i), n = l.length * l.stride;
        const reel_real *x = (const reel_real *)c->in[0].data + begin,
                        top = softmax_line_max(&l, x);
        reel_real *y = (reel_real *)c->out.data + begin;
        const double sum = line_exponentials(x, l.length, l.stride, top, y);
        const reel_real inverse = (reel_real)(1 / sum);
        for (int64_t k = 0; k < n; k += l.stride)
            y[k] *= inverse;
    }
}

void REEL_FN(reel_softmax_backward)(const reel_call *c)
{
    const softmax_lines l = softmax_lines_of(&c->dout);
    REEL_FOR_LINES(c, l, i) {
        const int64_t begin = softmax_line_begin(&l, i), n = l.length * l.stride;
        const reel_real *y = (const reel_real *)c->out.data + begin,
                        *dy = (const reel_real *)c->dout.data + begin;
        reel_real *dx = (reel_real *)c->din[0].data + begin;
        double sum = 0;
        for (int64_t k = 0; k < n; k += l.stride)
            sum += (double)dy[k] * (double)y[k];
        for (int64_t k = 0; k < n; k += l.stride)
            dx[k] = (c->fresh[0] ? 0 : dx[k]) + (reel_real)((double)y[k] * ((double)dy[k] - sum));
    }
}

#ifdef REEL_ONCE
reel_var reel_softmax(reel_var x)
{
    return reel_apply(&reel_op_softmax, NULL, 0, &x, 1);
}

const reel_op reel_op_softmax = {
    .name = "softmax",
    .min_in = 1,
    .max_in = 1,
    .flags = REEL_OP_NEEDS_OUTPUT | REEL_OP_ASSIGNS,
    .infer = softmax_infer,
    .forward = REEL_BOTH(reel_softmax_forward),
    .backward = REEL_BOTH(reel_softmax_backward),
    .cases = softmax_cases,
    .n_cases = REEL_COUNT(softmax_cases),
    .random = softmax_random,
};
#endif
