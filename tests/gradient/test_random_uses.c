/* Random valid shapes and attributes of every operator against finite differences: a dozen each.
 * test_slow_random_uses.c takes 10,000. */
#include <string.h>

#include "layers/gradcheck.h"
#include "tests/gradient/random_uses.h"

ParameterizedTestParameters(random_uses, a_dozen_of_each_operator_have_right_gradients)
{
    return each_operator();
}

ParameterizedTest(int *index, random_uses, a_dozen_of_each_operator_have_right_gradients)
{
    check_random_uses(reel_op_at(*index), 1, 12);
}

Test(random_uses, each_operator_has_some)
{
    for (int i = 0; i < reel_op_count(); i++)
        cr_expect(reel_op_at(i)->random, "%s draws no random uses", reel_op_at(i)->name);
}

Test(random_uses, a_dozen_of_each_kind_of_layer_have_right_gradients)
{
    reel_ctx *ctx;
    reel_error err = {0};
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 1, .seed = 5}, &err), REEL_OK,
                 "%s", err.message);
    cr_assert_geq(reel_layer_count(), 16);
    for (int kind = 0; kind < reel_layer_count(); kind++)
        for (uint32_t i = 0; i < 12; i++) {
            reel_gradcheck_report report = {0};
            const reel_gradcheck_config config = {.seed = 5, .max_elements = 20};
            const reel_status status =
                reel_layer_gradcheck_random(ctx, reel_layer_at(kind), i, &config, &report, &err);
            cr_expect_eq(status, REEL_OK, "%s, random use %u: %s", reel_layer_at(kind)->name, i,
                         err.message);
            cr_expect(report.passed, "%s: %s", reel_layer_at(kind)->name, report.message);
        }
    reel_ctx_destroy(ctx);
}

Test(random_uses, one_that_fails_is_told_with_its_shapes)
{
    reel_gradcheck_report report = {0};
    reel_error err = {0};
    const reel_op *op = reel_op_find("conv2d");
    cr_assert_eq(reel_gradcheck_random(NULL, op, 7, &(reel_gradcheck_config){.tolerance = 1e-30},
                                       &report, &err),
                 REEL_OK, "%s", err.message);
    cr_expect_not(report.passed);
    cr_expect(strncmp(report.message, "random use 7: (", 15) == 0, "%s", report.message);
    cr_expect(strstr(report.message, "stride, padding, dilation, groups"), "%s", report.message);

    reel_ctx *ctx;
    cr_assert_eq(reel_ctx_create(&ctx, NULL, &err), REEL_OK, "%s", err.message);
    cr_assert_eq(reel_layer_gradcheck_random(ctx, reel_layer_find("conv2d"), 7,
                                             &(reel_gradcheck_config){.tolerance = 1e-30}, &report,
                                             &err),
                 REEL_OK, "%s", err.message);
    reel_ctx_destroy(ctx);
    cr_expect_not(report.passed);
    cr_expect(strncmp(report.message, "random use 7 on (", 17) == 0, "%s", report.message);

    const reel_op none = {.name = "none"};
    cr_expect_eq(reel_gradcheck_random(NULL, &none, 0, NULL, &report, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "none draws no random uses"), "%s", err.message);
}
