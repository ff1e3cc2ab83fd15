/* An operator of one's own, with its gradient check, through the public headers alone.
 *
 * Swish (Ramachandran, Zoph, Le 2017): y = x s(b x), s the logistic function. dy/dx = s + b x s (1
 * - s). The derivative of b is left out: b is an attribute, not an input. An operator is a constant
 * descriptor; reel_apply puts it on a tape like any other.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <reel/reel.h>

typedef struct swish_attrs {
    double b;
} swish_attrs;

/* Both dtypes from one text; element order does not matter to an elementwise operator, so layouts
 * need no thought. */
#define SWISH(real, suffix)                                                                        \
    static void swish_forward_##suffix(const reel_call *c)                                         \
    {                                                                                              \
        const real b = (real)((const swish_attrs *)c->attrs)->b;                                   \
        const real *x = c->in[0].data;                                                             \
        real *y = c->out.data;                                                                     \
        const int64_t n = reel_tensor_numel(&c->out);                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = x[i] / (1 + (real)exp((double)(-b * x[i])));                                    \
    }                                                                                              \
    static void swish_backward_##suffix(const reel_call *c)                                        \
    {                                                                                              \
        const real b = (real)((const swish_attrs *)c->attrs)->b;                                   \
        const real *x = c->in[0].data, *dy = c->dout.data;                                         \
        real *dx = c->din[0].data; /* the tape has zeroed it: add */                               \
        const int64_t n = reel_tensor_numel(&c->out);                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const real s = 1 / (1 + (real)exp((double)(-b * x[i])));                               \
            dx[i] += dy[i] * (s + b * x[i] * s * (1 - s));                                         \
        }                                                                                          \
    }
SWISH(float, f32)
SWISH(double, f64)

static const reel_op swish_op = {.name =
                                     "swish", /* no infer: the output has the shape of the input */
                                 .min_in = 1,
                                 .max_in = 1,
                                 .flags = REEL_OP_NEEDS_INPUTS, /* backward reads x */
                                 .forward = {swish_forward_f32, swish_forward_f64},
                                 .backward = {swish_backward_f32, swish_backward_f64}};

static reel_var swish(reel_var x, double b)
{
    const swish_attrs attrs = {b};
    return reel_apply(&swish_op, &attrs, sizeof attrs, &x, 1);
}

/* What is checked: x is used twice, so that accumulation is tried, too. */
static reel_var expression(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape;
    (void)user;
    return reel_mul(swish(in[0], 1.5), in[0]);
}

int main(void)
{
    reel_error err;
    reel_ctx *ctx;
    reel_gradcheck_report report;
    double x[24];
    for (int i = 0; i < 24; i++)
        x[i] = (i - 11.5) / 4;
    reel_tensor input = reel_tensor_of(x, REEL_F64, 4, (const int64_t[]){2, 3, 2, 2});
    if (reel_ctx_create(&ctx, NULL, &err) != REEL_OK ||
        reel_gradcheck(ctx, expression, NULL, &input, 1, NULL, &report, &err) != REEL_OK) {
        fprintf(stderr, "own_operator: %s\n", err.message);
        return EXIT_FAILURE;
    }
    reel_ctx_destroy(ctx);
    printf("swish: %lld elements, worst error %.1e: %s %s\n", (long long)report.checked,
           report.worst_error, report.passed ? "the gradient is right" : "WRONG", report.message);
    return report.passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
