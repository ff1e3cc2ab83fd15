/* The gradient check itself: right operators pass, each kind of wrong one is caught and its mistake
 * is named. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "core/gradcheck/gradcheck.h"
#include "core/ops.h"

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

static void square_forward(const reel_call *c)
{
    const square_attrs *attrs = c->attrs;
    const int64_t n = reel_tensor_numel(&c->out);
    double *x = c->in[0].data, *y = c->out.data;
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * x[i];
    if (attrs->mistake == WRITES_INPUT)
        x[0] += 0.25;
}

static void square_backward(const reel_call *c)
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

static const reel_op square = {.name = "square",
                               .min_in = 1,
                               .max_in = 1,
                               .flags = REEL_OP_NEEDS_INPUTS,
                               .forward = {NULL, square_forward},
                               .backward = {NULL, square_backward}};

static reel_var build_square(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape;
    return reel_apply(&square, user, sizeof(square_attrs), in, 1);
}

/* ---- c = a b for matrices, with da transposed, or dependent on db being wanted ---- */
enum { TRANSPOSED = 1, NEEDS_THE_OTHER };

static reel_status product_infer(reel_infer *q, reel_error *err)
{
    if (q->in[0].shape[1] != q->in[1].shape[0])
        return reel_fail(err, REEL_ERR_INVALID, "inner sizes differ");
    q->shape[1] = q->in[1].shape[1];
    return REEL_OK;
}

static void product_forward(const reel_call *c)
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

static void product_backward(const reel_call *c)
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

static const reel_op product = {.name = "product",
                                .min_in = 2,
                                .max_in = 2,
                                .flags = REEL_OP_NEEDS_INPUTS,
                                .infer = product_infer,
                                .forward = {NULL, product_forward},
                                .backward = {NULL, product_backward}};

static reel_var build_product(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape;
    return reel_apply(&product, user, sizeof(int), in, 2);
}

/* ---- how they are tried ---- */
static reel_gradcheck_report try_inputs(reel_gradcheck_fn *fn, void *user, reel_tensor *in,
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

static reel_gradcheck_report try_square(int mistake)
{
    static int counter;
    double x[6] = {0.5, -1.25, 2, 3.5, -0.75, 1};
    square_attrs attrs = {mistake, &counter};
    reel_tensor in = reel_tensor_of(x, REEL_F64, 2, (const int64_t[]){2, 3});
    return try_inputs(build_square, &attrs, &in, 1);
}

static void expect_caught(int mistake, const char *words)
{
    const reel_gradcheck_report report = try_square(mistake);
    cr_expect_not(report.passed, "a wrong operator passed (expected: %s)", words);
    cr_expect_not_null(strstr(report.message, words), "\"%s\" is not in: %s", words,
                       report.message);
}

static reel_gradcheck_report try_product(int mistake)
{
    double a[6] = {0.5, -1.25, 2, 3.5, -0.75, 1}, b[12];
    for (int i = 0; i < 12; i++)
        b[i] = cos(i * i);
    reel_tensor in[2] = {reel_tensor_of(a, REEL_F64, 2, (const int64_t[]){2, 3}),
                         reel_tensor_of(b, REEL_F64, 2, (const int64_t[]){3, 4})};
    return try_inputs(build_product, &mistake, in, 2);
}

/* Values of 1e16 and more beside slopes of 1e8: rounding grows with the values, but the step grows
 * with the input. */
Test(gradcheck, catches_a_wrong_factor_at_large_inputs)
{
    double x[3] = {1e8, -3e8, 1e9};
    reel_tensor in = reel_tensor_of(x, REEL_F64, 1, (const int64_t[]){3});
    square_attrs attrs = {0, NULL};
    const reel_gradcheck_report right = try_inputs(build_square, &attrs, &in, 1);
    cr_expect(right.passed, "%s", right.message);
    attrs.mistake = HALF;
    const reel_gradcheck_report report = try_inputs(build_square, &attrs, &in, 1);
    cr_expect_not(report.passed, "half the gradient passed");
    cr_expect_float_eq(report.worst_error, 0.5, 1e-3, "worst error %g, expected 0.5",
                       report.worst_error);
    cr_expect_not_null(strstr(report.message, "3 of 3 elements wrong"), "%s", report.message);
}

Test(gradcheck, names_a_value_that_overflows)
{
    double x[2] = {1, 1e155};
    reel_tensor in = reel_tensor_of(x, REEL_F64, 1, (const int64_t[]){2});
    square_attrs attrs = {0, NULL};
    const reel_gradcheck_report report = try_inputs(build_square, &attrs, &in, 1);
    cr_expect_not(report.passed);
    cr_expect_not_null(strstr(report.message, "element 1 of the result is inf"), "%s",
                       report.message);
}

Test(gradcheck, a_right_operator_passes_with_room_to_spare)
{
    reel_gradcheck_report report = try_square(RIGHT);
    cr_expect(report.passed, "%s", report.message);
    cr_expect_lt(report.worst_error, 1e-9, "error %g", report.worst_error);
    cr_expect_eq(report.checked, 6, "%lld of 6 elements compared", (long long)report.checked);
    cr_expect_eq(report.kinks, 0, "%lld kinks in a parabola", (long long)report.kinks);
    report = try_product(0);
    cr_expect(report.passed, "%s", report.message);
}

Test(gradcheck, names_a_wrong_sign)
{
    expect_caught(SIGN, "sign");
}

Test(gradcheck, names_a_factor_two)
{
    expect_caught(FACTOR_2, "factor 2");
}

Test(gradcheck, names_a_half)
{
    expect_caught(HALF, "factor 1/2");
}

Test(gradcheck, names_a_mean_taken_for_a_sum)
{
    expect_caught(FACTOR_N, "factor 1/6 everywhere, the size of several dimensions");
}

Test(gradcheck, names_a_missing_element)
{
    expect_caught(MISSING, "missing in some places");
}

Test(gradcheck, names_a_missing_gradient)
{
    expect_caught(NOTHING, "missing: no gradient");
}

Test(gradcheck, names_a_gradient_that_is_overwritten)
{
    expect_caught(OVERWRITES, "not accumulated");
}

Test(gradcheck, names_a_gradient_from_above_that_is_written)
{
    expect_caught(WRITES_DOUT, "writes the gradient from above");
}

Test(gradcheck, names_values_in_wrong_places)
{
    expect_caught(SHIFTED, "element");
}

Test(gradcheck, names_a_transposed_gradient)
{
    const reel_gradcheck_report report = try_product(TRANSPOSED);
    cr_expect_not(report.passed);
    cr_expect_not_null(strstr(report.message, "transposed"), "%s", report.message);
}

Test(gradcheck, catches_an_error_in_the_fifth_digit)
{
    expect_caught(TINY, "everywhere");
}

Test(gradcheck, catches_a_gradient_that_is_not_a_number)
{
    expect_caught(NOT_FINITE, "");
}

Test(gradcheck, catches_a_gradient_without_influence)
{
    expect_caught(NO_INFLUENCE, "in some places");
}

Test(gradcheck, catches_backward_that_gives_other_bits_each_time)
{
    expect_caught(UNSET_MEMORY, "other bits");
}

Test(gradcheck, catches_forward_that_writes_its_input)
{
    const reel_gradcheck_report report = try_square(WRITES_INPUT);
    cr_expect_not(report.passed, "forward wrote its input and passed");
}

Test(gradcheck, catches_a_gradient_that_needs_the_other_input)
{
    const reel_gradcheck_report report = try_product(NEEDS_THE_OTHER);
    cr_expect_not(report.passed);
    cr_expect_not_null(strstr(report.message, "other inputs want none"), "%s", report.message);
}

/* ---- kinks ---- */
static reel_var build_relu(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape;
    (void)user;
    return reel_relu(in[0]);
}

Test(gradcheck, skips_and_counts_a_corner)
{
    double x[4] = {-1, 0, 2, 0.5};
    reel_tensor in = reel_tensor_of(x, REEL_F64, 1, (const int64_t[]){4});
    const reel_gradcheck_report report = try_inputs(build_relu, NULL, &in, 1);
    cr_expect(report.passed, "%s", report.message);
    cr_expect_eq(report.kinks, 1, "%lld kinks", (long long)report.kinks);
    cr_expect_eq(report.checked, 3, "%lld compared", (long long)report.checked);
}

Test(gradcheck, sees_past_a_corner_that_is_near)
{
    double x[4] = {-3e-5, 1e-5, 3e-6, -1e-6};
    reel_tensor in = reel_tensor_of(x, REEL_F64, 1, (const int64_t[]){4});
    const reel_gradcheck_report report = try_inputs(build_relu, NULL, &in, 1);
    cr_expect(report.passed, "%s", report.message);
    cr_expect_eq(report.checked, 4, "%lld compared, %lld kinks", (long long)report.checked,
                 (long long)report.kinks);
}

Test(gradcheck, does_not_pass_when_all_is_kinks)
{
    double x[2] = {0, 0};
    reel_tensor in = reel_tensor_of(x, REEL_F64, 1, (const int64_t[]){2});
    const reel_gradcheck_report report = try_inputs(build_relu, NULL, &in, 1);
    cr_expect_not(report.passed);
    cr_expect_not_null(strstr(report.message, "nothing could be compared"), "%s", report.message);
}

Test(gradcheck, leaves_its_inputs_as_they_were)
{
    double x[3] = {0.1, -0.3, 7.7};
    const double before[3] = {0.1, -0.3, 7.7};
    square_attrs attrs = {RIGHT, NULL};
    reel_tensor in = reel_tensor_of(x, REEL_F64, 1, (const int64_t[]){3});
    try_inputs(build_square, &attrs, &in, 1);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(x[i], before[i], "element %d: %.17g, was %.17g", i, x[i], before[i]);
}

Test(gradcheck, refuses_float32_inputs_and_expressions_that_do_not_build)
{
    reel_ctx *ctx;
    reel_error err = {0};
    reel_gradcheck_report report;
    float f[2] = {1, 2};
    double a[4] = {1, 2, 3, 4}, b[4] = {1, 2, 3, 4};
    int none = 0;
    cr_assert_eq(reel_ctx_create(&ctx, NULL, &err), REEL_OK, "%s", err.message);
    reel_tensor in = reel_tensor_of(f, REEL_F32, 1, (const int64_t[]){2});
    cr_expect_eq(reel_gradcheck(ctx, build_relu, NULL, &in, 1, NULL, &report, &err),
                 REEL_ERR_INVALID);
    cr_expect_not_null(strstr(err.message, "float64"), "%s", err.message);
    reel_tensor pair[2] = {reel_tensor_of(a, REEL_F64, 2, (const int64_t[]){1, 4}),
                           reel_tensor_of(b, REEL_F64, 2, (const int64_t[]){2, 2})};
    cr_expect_eq(reel_gradcheck(ctx, build_product, &none, pair, 2, NULL, &report, &err),
                 REEL_ERR_INVALID);
    cr_expect_not_null(strstr(err.message, "product (1, 4) (2, 2): inner sizes differ"), "%s",
                       err.message);
    reel_ctx_destroy(ctx);
}

/* in[0] has the wrong sign everywhere, an error of 2; in[1] a missing element, an error of 1, that
 * a direction finds. */
static reel_var build_two_mistakes(reel_tape *tape, const reel_var *in, void *user)
{
    square_attrs sign = {SIGN, NULL}, missing = {MISSING, NULL};
    (void)user;
    return reel_add(reel_sum(build_square(tape, &in[0], &sign), 0, false),
                    reel_sum(build_square(tape, &in[1], &missing), 0, false));
}

Test(gradcheck, an_element_that_a_direction_finds_leaves_a_worse_one_in_the_report)
{
    enum { MANY = 500 };
    double a[3] = {0.5, -1.25, 2}, b[MANY];
    for (int i = 0; i < MANY; i++)
        b[i] = 1 + cos(i * i) / 2;
    reel_tensor in[2] = {reel_tensor_of(a, REEL_F64, 1, (const int64_t[]){3}),
                         reel_tensor_of(b, REEL_F64, 1, (const int64_t[]){MANY})};
    reel_error err = {0};
    reel_gradcheck_report report;
    const reel_gradcheck_config config = {.max_elements = 3};
    cr_assert_eq(reel_gradcheck(NULL, build_two_mistakes, NULL, in, 2, &config, &report, &err),
                 REEL_OK, "%s", err.message);
    cr_expect_not(report.passed);
    cr_expect_eq(report.input, 0, "input %d: %s", report.input, report.message);
    cr_expect_float_eq(report.worst_error, 2, 1e-6, "error %g: %s", report.worst_error,
                       report.message);
}

Test(gradcheck, refuses_two_inputs_in_the_same_memory)
{
    double a[4] = {1, 2, 3, 4};
    reel_error err = {0};
    reel_gradcheck_report report;
    int none = 0;
    const reel_tensor in = reel_tensor_of(a, REEL_F64, 2, (const int64_t[]){2, 2});
    cr_expect_eq(
        reel_gradcheck(NULL, build_product, &none, (reel_tensor[]){in, in}, 2, NULL, &report, &err),
        REEL_ERR_INVALID);
    cr_expect_not_null(strstr(err.message, "inputs 0 and 1 share memory"), "%s", err.message);
    double b[6] = {1, 2, 3, 4, 5, 6};
    const reel_tensor first = reel_tensor_of(b, REEL_F64, 2, (const int64_t[]){2, 2}),
                      second = reel_tensor_of(b + 2, REEL_F64, 2, (const int64_t[]){2, 2});
    cr_expect_eq(reel_gradcheck(NULL, build_product, &none, (reel_tensor[]){first, second}, 2, NULL,
                                &report, &err),
                 REEL_ERR_INVALID, "halves that overlap");
}

Test(gradcheck, views_are_checked_and_what_lies_in_their_gaps_stays)
{
    double a[8], before[8];
    for (int i = 0; i < 8; i++)
        before[i] = a[i] = i + 1;
    reel_error err = {0};
    reel_gradcheck_report report;
    int none = 0;
    const reel_tensor whole = reel_tensor_of(a, REEL_F64, 2, (const int64_t[]){2, 4});
    reel_tensor columns[2] = {reel_tensor_slice(whole, 1, 0, 2), reel_tensor_slice(whole, 1, 2, 2)};
    cr_assert_eq(reel_gradcheck(NULL, build_product, &none, columns, 2, NULL, &report, &err),
                 REEL_OK, "%s", err.message);
    cr_expect(report.passed, "%s", report.message);
    cr_expect_arr_eq(a, before, sizeof a);
}

static reel_var build_exp(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape, (void)user;
    return reel_exp(in[0]);
}

Test(gradcheck, a_value_that_is_not_finite_is_told_from_a_wrong_backward)
{
    double x[2][3] = {{1, 800, 2}, {1, 2, NAN}};
    const char *const words[] = {"element 1 of the result is inf",
                                 "element 2 of the result is nan"};
    for (int i = 0; i < 2; i++) {
        reel_tensor in = reel_tensor_of(x[i], REEL_F64, 1, (const int64_t[]){3});
        const reel_gradcheck_report report = try_inputs(build_exp, NULL, &in, 1);
        cr_expect_not(report.passed);
        cr_expect_not_null(strstr(report.message, words[i]), "\"%s\" is not in: %s", words[i],
                           report.message);
    }
}

static reel_status empty_infer(reel_infer *q, reel_error *err)
{
    (void)err;
    q->ndim = 1;
    q->shape[0] = 0;
    return REEL_OK;
}

static void empty_pass(const reel_call *c)
{
    (void)c;
}

static const reel_op empty = {.name = "empty",
                              .min_in = 1,
                              .max_in = 1,
                              .infer = empty_infer,
                              .forward = {NULL, empty_pass},
                              .backward = {NULL, empty_pass}};

static reel_var build_empty(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape, (void)user;
    return reel_apply(&empty, NULL, 0, in, 1);
}

static reel_status nine_infer(reel_infer *q, reel_error *err)
{
    (void)err;
    q->ndim = 9;
    return REEL_OK;
}

static reel_var build_nine(reel_tape *tape, const reel_var *in, void *user)
{
    static const reel_op nine = {.name = "nine",
                                 .min_in = 1,
                                 .max_in = 1,
                                 .infer = nine_infer,
                                 .forward = {NULL, empty_pass},
                                 .backward = {NULL, empty_pass}};
    (void)tape, (void)user;
    return reel_apply(&nine, NULL, 0, in, 1);
}

static reel_var build_none(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape, (void)in, (void)user;
    return (reel_var){0};
}

Test(gradcheck, what_cannot_be_checked_is_an_error_and_no_abort)
{
    static const struct {
        reel_gradcheck_fn *fn;
        reel_gradcheck_shape shape;
        const char *words;
    } cases[] = {
        {build_nine, {1, {3}}, "nine (3): expected a result of 0 to 8 dimensions, got 9"},
        {build_none, {1, {3}}, "the expression returns no value"},
        {build_exp, {1, {-1}}, "input 0: expected a shape"},
        {build_exp, {9, {1}}, "input 0: expected a shape"},
        {build_exp, {3, {1000000000, 1000000000, 1000000000}}, "input 0: expected a shape"},
    };
    for (int i = 0; i < REEL_COUNT(cases); i++) {
        reel_error err = {0};
        reel_gradcheck_report report;
        cr_expect_eq(reel_gradcheck_drawn(NULL, cases[i].fn, NULL, REEL_DRAW_NORMAL,
                                          &cases[i].shape, 1, NULL, &report, &err),
                     REEL_ERR_INVALID, "case %d", i);
        cr_expect_not_null(strstr(err.message, cases[i].words), "\"%s\" is not in: %s",
                           cases[i].words, err.message);
    }
}

Test(gradcheck, a_result_without_elements_does_not_pass)
{
    double x[3] = {1, 2, 3};
    reel_tensor in = reel_tensor_of(x, REEL_F64, 1, (const int64_t[]){3});
    const reel_gradcheck_report report = try_inputs(build_empty, NULL, &in, 1);
    cr_expect_not(report.passed);
    cr_expect_str_eq(report.message, "nothing could be compared: the result has no elements");
}

Test(gradcheck, inputs_without_elements_do_not_pass)
{
    double x;
    reel_tensor in = reel_tensor_of(&x, REEL_F64, 1, (const int64_t[]){0});
    const reel_gradcheck_report report = try_inputs(build_exp, NULL, &in, 1);
    cr_expect_not(report.passed);
    cr_expect_str_eq(report.message, "nothing could be compared: the inputs have no elements");
}
