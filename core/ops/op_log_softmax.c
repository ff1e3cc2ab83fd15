/* log_softmax over the last dimension: y_k = x_k - max - ln sum_j e^(x_j - max);  dx_k = dy_k -
 * e^(y_k) sum_j dy_j. */
#include "core/ops/softmax.h"

#ifdef REEL_PUBLIC
/* y_k = x_k - ln sum_j e^x_j over the last dimension, which has at least one element. */
REEL_API reel_var reel_log_softmax(reel_var x);
#endif

REEL_DECLARE_OP(log_softmax);

void REEL_FN(reel_log_softmax_forward)(const reel_call *c)
{
    const softmax_lines l = softmax_lines_of(&c->out);
    REEL_FOR_LINES(c, l, i) {
        const int64_t begin = softmax_line_begin(&l, i), n = l.length * l.stride;
        const reel_real *x = (const reel_real *)c->in[0].data + begin,
                        top = softmax_line_max(&l, x);
        reel_real *y = (reel_real *)c->out.data + begin;
        const double log_sum = reel_math_log(line_exponentials(x, l.length, l.stride, top, NULL));
        for (int64_t k = 0; k < n; k += l.stride)
            y[k] = (reel_real)((double)(x[k] - top) - log_sum);
    }
}

void REEL_FN(reel_log_softmax_backward)(const reel_call *c)
{
    const softmax_lines l = softmax_lines_of(&c->dout);
    REEL_FOR_LINES(c, l, i) {
        const int64_t begin = softmax_line_begin(&l, i), n = l.length * l.stride;
        const reel_real *y = (const reel_real *)c->out.data + begin,
                        *dy = (const reel_real *)c->dout.data + begin;
        reel_real *dx = (reel_real *)c->din[0].data + begin;
        double sum = 0;
        for (int64_t k = 0; k < n; k += l.stride)
            sum += (double)dy[k];
        for (int64_t k = 0; k < n; k += l.stride)
            dx[k] = (c->fresh[0] ? 0 : dx[k]) +
                    (reel_real)((double)dy[k] - (double)REEL_MATH(exp)(y[k]) * sum);
    }
}

#ifdef REEL_ONCE
reel_var reel_log_softmax(reel_var x)
{
    return reel_apply(&reel_op_log_softmax, NULL, 0, &x, 1);
}

const reel_op reel_op_log_softmax = {
    .name = "log_softmax",
    .min_in = 1,
    .max_in = 1,
    .flags = REEL_OP_NEEDS_OUTPUT | REEL_OP_ASSIGNS,
    .infer = softmax_infer,
    .forward = REEL_BOTH(reel_log_softmax_forward),
    .backward = REEL_BOTH(reel_log_softmax_backward),
    .cases = softmax_cases,
    .n_cases = REEL_COUNT(softmax_cases),
    .random = softmax_random,
};
#endif
