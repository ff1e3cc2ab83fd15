/* The gradient check itself: right operators pass, each kind of wrong one is caught and its mistake
 * is named. */
#include "tests/gradient/square_operator.h"

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
