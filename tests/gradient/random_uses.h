/* Random uses of every operator, for the quick test and the slow one. */
#ifndef REEL_TESTS_GRADIENT_RANDOM_USES_H
#define REEL_TESTS_GRADIENT_RANDOM_USES_H

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "core/gradcheck/gradcheck.h"

/* The parameters of a test that runs once for each operator: places in the table. */
static inline struct criterion_test_params each_operator(void)
{
    const size_t count = (size_t)reel_op_count();
    int *indices = cr_malloc(count * sizeof *indices);
    for (size_t i = 0; i < count; i++)
        indices[i] = (int)i;
    return cr_make_param_array(int, indices, count, NULL);
}

/* Checks `count` random uses of one operator. Few elements each: breadth is what is wanted. */
static inline void check_random_uses(const reel_op *op, uint64_t seed, uint32_t count)
{
    reel_ctx *ctx;
    reel_error err = {0};
    int64_t checked = 0, kinks = 0;
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 1, .seed = seed}, &err),
                 REEL_OK, "%s", err.message);
    for (uint32_t i = 0; i < count; i++) {
        reel_gradcheck_report report = {0};
        const reel_gradcheck_config config = {.seed = seed, .max_elements = 30, .projections = 1};
        const reel_status status = reel_gradcheck_random(ctx, op, i, &config, &report, &err);
        cr_assert_eq(status, REEL_OK, "%s, random use %u: %s", op->name, i, err.message);
        cr_assert(report.passed, "%s: %s", op->name, report.message);
        checked += report.checked + report.projections;
        kinks += report.kinks;
    }
    cr_assert_lt(kinks, checked / 20 + 1, "%s: %lld kinks met, only %lld compared", op->name,
                 (long long)kinks, (long long)checked);
    reel_ctx_destroy(ctx);
}

#endif
