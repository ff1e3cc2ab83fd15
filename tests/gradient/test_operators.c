/* Every operator of the library, in every case that it brings along, against finite differences in
 * float64. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "core/gradcheck/gradcheck.h"

typedef struct entry {
    int op, index;
} entry;

ParameterizedTestParameters(operators, gradient_equals_finite_differences)
{
    int count = 0;
    for (int i = 0; i < reel_op_count(); i++)
        count += reel_op_at(i)->n_cases;
    entry *entries = cr_malloc((size_t)count * sizeof *entries);
    int next = 0;
    for (int i = 0; i < reel_op_count(); i++)
        for (int c = 0; c < reel_op_at(i)->n_cases; c++)
            entries[next++] = (entry){i, c};
    return cr_make_param_array(entry, entries, (size_t)count, NULL);
}

ParameterizedTest(entry *e, operators, gradient_equals_finite_differences)
{
    const reel_op *op = reel_op_at(e->op);
    const reel_op_case *c = &op->cases[e->index];
    reel_ctx *ctx;
    reel_error err = {0};
    reel_gradcheck_report report;
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 2, .seed = 7}, &err), REEL_OK,
                 "%s", err.message);
    const reel_status status =
        reel_gradcheck_case(ctx, op, c, &(reel_gradcheck_config){.seed = 1}, &report, &err);
    reel_ctx_destroy(ctx);
    cr_assert_eq(status, REEL_OK, "%s, case \"%s\": %s", op->name, c->label, err.message);
    cr_assert(report.passed, "%s, case \"%s\": %s", op->name, c->label, report.message);
    cr_assert(report.worst_error <= 1e-6, "%s, case \"%s\": error %g", op->name, c->label,
              report.worst_error);
    cr_assert(report.kinks * 5 <= report.checked,
              "%s, case \"%s\": %lld elements on kinks, only %lld compared", op->name, c->label,
              (long long)report.kinks, (long long)report.checked);
}

Test(operators, each_has_cases_and_both_dtypes)
{
    cr_assert_gt(reel_op_count(), 0);
    for (int i = 0; i < reel_op_count(); i++) {
        const reel_op *op = reel_op_at(i);
        cr_expect(op->n_cases > 0 && op->cases, "%s has no case to be checked with", op->name);
        for (int dtype = 0; dtype < REEL_DTYPES; dtype++)
            cr_expect(op->forward[dtype] && op->backward[dtype], "%s has no %s", op->name,
                      reel_dtype_name((reel_dtype)dtype));
    }
}

Test(operators, a_case_without_readable_shapes_or_attributes_is_an_error)
{
    reel_error err = {0};
    reel_gradcheck_report report;
    const reel_op *slice = reel_op_find("slice");
    static const char *const wrong[] = {"",      "3",    "(3",
                                        "(3) x", "(-1)", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"};
    for (int i = 0; i < REEL_COUNT(wrong); i++) {
        const reel_op_case c = {.label = "wrong", .in = wrong[i], .attrs = &(const int64_t[3]){0}};
        cr_expect_eq(reel_gradcheck_case(NULL, slice, &c, NULL, &report, &err), REEL_ERR_INVALID,
                     "\"%s\"", wrong[i]);
        cr_expect(strstr(err.message, "slice, case \"wrong\": expected shapes"), "%s", err.message);
    }

    const reel_op_case none = {.label = "none", .in = "(3)"};
    cr_expect_eq(reel_gradcheck_case(NULL, slice, &none, NULL, &report, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "expected attributes, got none"), "%s", err.message);
}

Test(operators, each_case_has_a_label_of_its_own)
{
    for (int i = 0; i < reel_op_count(); i++) {
        const reel_op *op = reel_op_at(i);
        for (int a = 0; a < op->n_cases; a++)
            for (int b = 0; b < a; b++)
                cr_expect_str_neq(op->cases[a].label, op->cases[b].label,
                                  "%s: cases %d and %d have one label", op->name, b, a);
    }
}

/* Operators that must be in the table under exactly this name. */
Test(operators, none_that_must_be_there_is_gone)
{
    static const char *const required[] = {
        "add",
        "sub",
        "mul",
        "div",
        "neg",
        "exp",
        "log",
        "sqrt",
        "clamp",
        "matmul",
        "sum",
        "mean",
        "max",
        "reshape",
        "permute",
        "concat",
        "slice",
        "pad",
        "relu",
        "leaky_relu",
        "sigmoid",
        "tanh",
        "softmax",
        "log_softmax",
        "cross_entropy",
        "mse",
        "linear",
        "conv2d",
        "max_pool2d",
        "avg_pool2d",
        "dropout",
        "batch_norm2d",
        "global_avg_pool",
        "global_max_pool",
        "adaptive_avg_pool2d",
        "local_response_norm",
        "linear_relu",
        "conv2d_relu",
        "conv2d_relu_max_pool2d",
    };
    for (int i = 0; i < REEL_COUNT(required); i++)
        cr_expect_not_null(reel_op_find(required[i]), "no operator is called \"%s\"", required[i]);
}
