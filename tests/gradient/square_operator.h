/* Operators with a choice of mistakes, for tests of the gradient check: y = x^2, and the product of
 * two matrices; and how they are tried. */
#ifndef REEL_TESTS_GRADIENT_SQUARE_OPERATOR_H
#define REEL_TESTS_GRADIENT_SQUARE_OPERATOR_H

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "core/gradcheck/gradcheck.h"
#include "core/ops.h"
#include "tests/gradient/f64_operator.h"

/* ---- y = x^2 with a choice of mistakes ---- */
enum {
    RIGHT,
    SIGN,
    FACTOR_2,
    HALF,
    FACTOR_N,
    MISSING,
    NOTHING,
    OVERWRITES,
    SHIFTED,
    TINY,
    NOT_FINITE,
    NO_INFLUENCE,
    WRITES_INPUT,
    UNSET_MEMORY,
    WRITES_DOUT,
};

typedef struct square_attrs {
    int mistake;
    int *counter;
} square_attrs;

static inline void square_forward(const reel_call *c)
{
    const square_attrs *attrs = c->attrs;
    const int64_t n = reel_tensor_numel(&c->out);
    double *x = c->in[0].data, *y = c->out.data;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * x[i];
    if (attrs->mistake == WRITES_INPUT)
        x[0] += 0.25;
}

static inline void square_backward(const reel_call *c)
{
    const square_attrs *attrs = c->attrs;
    const int64_t n = reel_tensor_numel(&c->out);
    const double *x = c->in[0].data, *dy = c->dout.data;
    double *dx = c->din[0].data;
    for (int64_t i = 0; i < n; i++) {
        const double right = 2 * x[i] * dy[i];
        switch (attrs->mistake) {
        case SIGN:
            dx[i] -= right;
            break;
        case FACTOR_2:
            dx[i] += 2 * right;
            break;
        case HALF:
            dx[i] += right / 2;
            break;
        case FACTOR_N:
            dx[i] += right / (double)n;
            break;
        case MISSING:
            dx[i] += i == n - 1 ? 0 : right;
            break;
        case NOTHING:
            break;
        case OVERWRITES:
            dx[i] = right;
            break;
        case SHIFTED:
            dx[(i + 1) % n] += right;
            break;
        case TINY:
            dx[i] += right * (1 + 1e-5);
            break;
        case NOT_FINITE:
            dx[i] += i == 2 ? NAN : right;
            break;
        case UNSET_MEMORY:
            dx[i] += right + (i == 1 ? 1e-14 * ++*attrs->counter : 0);
            break;
        default:
            dx[i] += right;
        }
    }
    if (attrs->mistake == WRITES_DOUT)
        ((double *)c->dout.data)[n - 1] *= 0.5;
    if (attrs->mistake == NO_INFLUENCE)
        dx[0] += 1e9;
}

static const reel_op square =
    F64_OPERATOR("square", 1, square_forward, square_backward, .flags = REEL_OP_NEEDS_INPUTS);

static inline reel_var build_square(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape;
    return reel_apply(&square, user, sizeof(square_attrs), in, 1);
}

/* ---- c = a b for matrices, with da transposed, or dependent on db being wanted ---- */
enum { TRANSPOSED = 1, NEEDS_THE_OTHER };

static inline reel_status product_infer(reel_infer *q, reel_error *err)
{
    if (q->in[0].shape[1] != q->in[1].shape[0])
        return reel_fail(err, REEL_ERR_INVALID, "inner sizes differ");
    q->shape[1] = q->in[1].shape[1];
    return REEL_OK;
}

static inline void product_forward(const reel_call *c)
{
    const int64_t m = c->out.shape[0], n = c->out.shape[1], k = c->in[0].shape[1];
    const double *a = c->in[0].data, *b = c->in[1].data;
    double *y = c->out.data;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            y[i * n + j] = 0;
            for (int64_t l = 0; l < k; l++)
                y[i * n + j] += a[i * k + l] * b[l * n + j];
        }
}

static inline void product_backward(const reel_call *c)
{
    const int mistake = *(const int *)c->attrs;
    const int64_t m = c->out.shape[0], n = c->out.shape[1], k = c->in[0].shape[1];
    const double *a = c->in[0].data, *b = c->in[1].data, *dy = c->dout.data;
    double *da = c->din[0].data, *db = c->din[1].data;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            for (int64_t l = 0; l < k; l++) {
                if (da && !(mistake == NEEDS_THE_OTHER && !db))
                    da[mistake == TRANSPOSED ? l * m + i : i * k + l] +=
                        dy[i * n + j] * b[l * n + j];
                if (db)
                    db[l * n + j] += a[i * k + l] * dy[i * n + j];
            }
}

static const reel_op product = F64_OPERATOR("product", 2, product_forward, product_backward,
                                            .flags = REEL_OP_NEEDS_INPUTS, .infer = product_infer);

static inline reel_var build_product(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape;
    return reel_apply(&product, user, sizeof(int), in, 2);
}

/* ---- how they are tried ---- */
static inline reel_gradcheck_report try_inputs(reel_gradcheck_fn *fn, void *user, reel_tensor *in,
                                               int n_in)
{
    reel_ctx *ctx;
    reel_error err = {0};
    reel_gradcheck_report report;
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 1}, &err), REEL_OK, "%s",
                 err.message);
    const reel_status status = reel_gradcheck(ctx, fn, user, in, n_in, NULL, &report, &err);
    reel_ctx_destroy(ctx);
    cr_assert_eq(status, REEL_OK, "%s", err.message);
    return report;
}

static inline reel_gradcheck_report try_square(int mistake)
{
    static int counter;
    double x[6] = {0.5, -1.25, 2, 3.5, -0.75, 1};
    square_attrs attrs = {mistake, &counter};
    reel_tensor in = reel_tensor_of(x, REEL_F64, 2, (const int64_t[]){2, 3});
    return try_inputs(build_square, &attrs, &in, 1);
}

static inline void expect_caught(int mistake, const char *words)
{
    const reel_gradcheck_report report = try_square(mistake);
    cr_expect_not(report.passed, "a wrong operator passed (expected: %s)", words);
    cr_expect_not_null(strstr(report.message, words), "\"%s\" is not in: %s", words,
                       report.message);
}

static inline reel_gradcheck_report try_product(int mistake)
{
    double a[6] = {0.5, -1.25, 2, 3.5, -0.75, 1}, b[12];
    for (int i = 0; i < 12; i++)
        b[i] = cos(i * i);
    reel_tensor in[2] = {reel_tensor_of(a, REEL_F64, 2, (const int64_t[]){2, 3}),
                         reel_tensor_of(b, REEL_F64, 2, (const int64_t[]){3, 4})};
    return try_inputs(build_product, &mistake, in, 2);
}

#endif
