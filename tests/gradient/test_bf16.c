/* Every operator on a tape that stores bf16 against float64, in its cases and in random uses, and
 * every kind of layer. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "core/gradcheck/gradcheck.h"
#include "core/op.h"

/* A case that puts operators one after the other rounds more often. */
static double bound_of(const reel_op_case *c)
{
    return c && c->build ? 4 * REEL_GRADCHECK_BF16 : REEL_GRADCHECK_BF16;
}

ParameterizedTestParameters(bf16, operators_stay_within_bounds)
{
    int *index = cr_malloc((size_t)reel_op_count() * sizeof *index);
    for (int i = 0; i < reel_op_count(); i++)
        index[i] = i;
    return cr_make_param_array(int, index, (size_t)reel_op_count(), NULL);
}

static void expect_report(const reel_op *op, const char *use, reel_status status,
                          const reel_gradcheck_report *report, const reel_error *err)
{
    cr_assert_eq(status, REEL_OK, "%s, %s: %s", op->name, use, err->message);
    cr_expect(report->passed, "%s, %s: %s", op->name, use, report->message);
}

ParameterizedTest(int *index, bf16, operators_stay_within_bounds)
{
    const reel_op *op = reel_op_at(*index);
    reel_ctx *ctx;
    reel_error err = {0};
    reel_gradcheck_report report;
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 2, .seed = 7}, &err), REEL_OK);
    for (int i = 0; i < op->n_cases; i++) {
        const reel_gradcheck_config config = {
            .seed = 1, .bf16 = true, .tolerance = bound_of(&op->cases[i])};
        const reel_status status =
            reel_gradcheck_case(ctx, op, &op->cases[i], &config, &report, &err);
        expect_report(op, op->cases[i].label, status, &report, &err);
    }
    /* The random uses of batch_norm2d bring float64 running averages along. */
    for (uint32_t number = 0; number < 20 && strcmp(op->name, "batch_norm2d") != 0; number++) {
        const reel_gradcheck_config config = {.seed = 3, .bf16 = true};
        const reel_status status = reel_gradcheck_random(ctx, op, number, &config, &report, &err);
        expect_report(op, "random use", status, &report, &err);
    }
    reel_ctx_destroy(ctx);
}
