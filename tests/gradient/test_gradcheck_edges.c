/* The gradient check at its edges: corners, several mistakes at once, inputs and expressions that
 * cannot be checked. */
#include "tests/gradient/square_operator.h"

/* ---- kinks ---- */
static reel_var build_relu(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape;
    (void)user;
    return reel_relu(in[0]);
}

Test(gradcheck_edges, skips_and_counts_a_corner)
{
    double x[4] = {-1, 0, 2, 0.5};
    reel_tensor in = reel_tensor_of(x, REEL_F64, 1, (const int64_t[]){4});
    const reel_gradcheck_report report = try_inputs(build_relu, NULL, &in, 1);
    cr_expect(report.passed, "%s", report.message);
    cr_expect_eq(report.kinks, 1, "%lld kinks", (long long)report.kinks);
    cr_expect_eq(report.checked, 3, "%lld compared", (long long)report.checked);
}

Test(gradcheck_edges, sees_past_a_corner_that_is_near)
{
    double x[4] = {-3e-5, 1e-5, 3e-6, -1e-6};
    reel_tensor in = reel_tensor_of(x, REEL_F64, 1, (const int64_t[]){4});
    const reel_gradcheck_report report = try_inputs(build_relu, NULL, &in, 1);
    cr_expect(report.passed, "%s", report.message);
    cr_expect_eq(report.checked, 4, "%lld compared, %lld kinks", (long long)report.checked,
                 (long long)report.kinks);
}

Test(gradcheck_edges, does_not_pass_when_all_is_kinks)
{
    double x[2] = {0, 0};
    reel_tensor in = reel_tensor_of(x, REEL_F64, 1, (const int64_t[]){2});
    const reel_gradcheck_report report = try_inputs(build_relu, NULL, &in, 1);
    cr_expect_not(report.passed);
    cr_expect_not_null(strstr(report.message, "nothing could be compared"), "%s", report.message);
}

Test(gradcheck_edges, leaves_its_inputs_as_they_were)
{
    double x[3] = {0.1, -0.3, 7.7};
    const double before[3] = {0.1, -0.3, 7.7};
    square_attrs attrs = {RIGHT, NULL};
    reel_tensor in = reel_tensor_of(x, REEL_F64, 1, (const int64_t[]){3});
    try_inputs(build_square, &attrs, &in, 1);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(x[i], before[i], "element %d: %.17g, was %.17g", i, x[i], before[i]);
}

Test(gradcheck_edges, refuses_float32_inputs_and_expressions_that_do_not_build)
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

Test(gradcheck_edges, an_element_that_a_direction_finds_leaves_a_worse_one_in_the_report)
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

Test(gradcheck_edges, refuses_two_inputs_in_the_same_memory)
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

Test(gradcheck_edges, views_are_checked_and_what_lies_in_their_gaps_stays)
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

Test(gradcheck_edges, a_value_that_is_not_finite_is_told_from_a_wrong_backward)
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

static const reel_op empty = F64_OPERATOR("empty", 1, empty_pass, empty_pass, .infer = empty_infer);

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
    static const reel_op nine =
        F64_OPERATOR("nine", 1, empty_pass, empty_pass, .infer = nine_infer);
    (void)tape, (void)user;
    return reel_apply(&nine, NULL, 0, in, 1);
}

static reel_var build_none(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape, (void)in, (void)user;
    return (reel_var){0};
}

Test(gradcheck_edges, what_cannot_be_checked_is_an_error_and_no_abort)
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

Test(gradcheck_edges, a_result_without_elements_does_not_pass)
{
    double x[3] = {1, 2, 3};
    reel_tensor in = reel_tensor_of(x, REEL_F64, 1, (const int64_t[]){3});
    const reel_gradcheck_report report = try_inputs(build_empty, NULL, &in, 1);
    cr_expect_not(report.passed);
    cr_expect_str_eq(report.message, "nothing could be compared: the result has no elements");
}

Test(gradcheck_edges, inputs_without_elements_do_not_pass)
{
    double x;
    reel_tensor in = reel_tensor_of(&x, REEL_F64, 1, (const int64_t[]){0});
    const reel_gradcheck_report report = try_inputs(build_exp, NULL, &in, 1);
    cr_expect_not(report.passed);
    cr_expect_str_eq(report.message, "nothing could be compared: the inputs have no elements");
}
