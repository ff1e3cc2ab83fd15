/* The check catches every wrong gradient of a table, names the operator, and says what is wrong
 * where that can be told; the same operators without their mistake pass. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/ops.h"
#include "tests/gradient/wrong_gradients.h"

typedef struct use {
    const reel_op *op;
    int mistake, n_in;
} use;

static reel_var build(reel_tape *tape, const reel_var *in, void *user)
{
    const use *u = user;
    (void)tape;
    return reel_apply(u->op, &u->mistake, sizeof u->mistake, in, u->n_in);
}

static reel_gradcheck_report check(const wrong_gradient *w, reel_gradcheck_fn *fn, int mistake,
                                   uint64_t seed)
{
    reel_error err = {0};
    reel_gradcheck_report report;
    use u = {w->op, mistake, w->n_in};
    const reel_gradcheck_config config = {.seed = seed};
    cr_assert_eq(
        reel_gradcheck_drawn(NULL, fn, &u, w->draw, w->in, w->n_in, &config, &report, &err),
        REEL_OK, "%s: %s", w->what, err.message);
    return report;
}

Test(wrong_gradients, every_one_is_caught_and_its_operator_named)
{
    cr_assert_geq(REEL_COUNT(wrong_gradients), 25);
    for (int i = 0; i < REEL_COUNT(wrong_gradients); i++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            const wrong_gradient *w = &wrong_gradients[i];
            const reel_gradcheck_report report = check(w, build, w->mistake, seed);
            cr_expect_not(report.passed, "%s (seed %d): not caught", w->what, (int)seed);
            cr_expect_str_eq(report.op, w->op->name, "%s: blamed on \"%s\": %s", w->what, report.op,
                             report.message);
            cr_expect_not_null(strstr(report.message, w->words),
                               "%s (seed %d): \"%s\" is not in: %s", w->what, (int)seed, w->words,
                               report.message);
        }
}

Test(wrong_gradients, without_the_mistake_each_operator_passes)
{
    for (int i = 0; i < REEL_COUNT(wrong_gradients); i++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            const reel_gradcheck_report report = check(&wrong_gradients[i], build, 0, seed);
            cr_expect(report.passed, "%s (seed %d): %s", wrong_gradients[i].op->name, (int)seed,
                      report.message);
        }
}

/* The operator amid right ones, behind a sum of products: its name must come out. */
static reel_var build_among_others(reel_tape *tape, const reel_var *in, void *user)
{
    const use *u = user;
    reel_var moved[2] = {
        reel_add(reel_mul(in[0], reel_scalar(tape, 1.25)), reel_scalar(tape, 0.001))};
    if (u->n_in > 1)
        moved[1] = reel_mul(in[1], reel_scalar(tape, 0.75));
    const reel_var y = build(tape, moved, user);
    /* the operator's input is used once more, later: backward must add to what it finds */
    return reel_add(reel_sum(reel_mul(y, reel_sigmoid(y)), 0, false), reel_sum(moved[0], 0, false));
}

Test(wrong_gradients, the_operator_at_fault_is_found_among_others)
{
    for (int i = 0; i < REEL_COUNT(wrong_gradients); i++) {
        const wrong_gradient *w = &wrong_gradients[i];
        /* Here backward adds to zeros: then it is right to leave zeros out. */
        if (w->op == &gate && w->mistake == ZERO_GRADIENTS_NOT_WRITTEN)
            continue;
        const reel_gradcheck_report right = check(w, build_among_others, 0, 3),
                                    report = check(w, build_among_others, w->mistake, 3);
        cr_expect(right.passed, "%s among others: %s", w->op->name, right.message);
        cr_expect_not(report.passed, "%s: not caught among others", w->what);
        cr_expect_str_eq(report.op, w->op->name, "%s: blamed on \"%s\": %s", w->what, report.op,
                         report.message);
    }
}

/* ---- large tensors ---- */
enum { MANY = 200000 };

typedef struct one_wrong {
    int64_t index;
} one_wrong;

static void cube_forward(const reel_call *c)
{
    const double *x = c->in[0].data;
    double *y = c->out.data;
    for (int64_t i = 0; i < MANY; i++)
        y[i] = x[i] * x[i] * x[i];
}

static void cube_backward(const reel_call *c)
{
    const double *x = c->in[0].data, *dy = c->dout.data;
    double *dx = c->din[0].data;
    for (int64_t i = 0; i < MANY; i++)
        dx[i] += (i == ((const one_wrong *)c->attrs)->index ? -3 : 3) * x[i] * x[i] * dy[i];
}

static const reel_op cube =
    F64_OPERATOR("cube", 1, cube_forward, cube_backward, .flags = REEL_OP_NEEDS_INPUTS);

static reel_var build_cube(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape;
    return reel_apply(&cube, user, sizeof(one_wrong), in, 1);
}

static reel_gradcheck_report check_cube(int64_t index)
{
    reel_error err = {0};
    reel_gradcheck_report report;
    one_wrong attrs = {index};
    const reel_gradcheck_shape shape = {2, {100, MANY / 100}};
    const reel_gradcheck_config config = {.max_elements = 5};
    cr_assert_eq(reel_gradcheck_drawn(NULL, build_cube, &attrs, REEL_DRAW_POSITIVE, &shape, 1,
                                      &config, &report, &err),
                 REEL_OK, "%s", err.message);
    return report;
}

Test(wrong_gradients, one_wrong_element_among_200000_is_seen_and_found)
{
    const reel_gradcheck_report right = check_cube(-1);
    cr_expect(right.passed, "%s", right.message);
    cr_expect_eq(right.projections, 4, "%lld directions", (long long)right.projections);
    for (int64_t index = 17; index < MANY; index += MANY / 3) {
        const reel_gradcheck_report report = check_cube(index);
        cr_expect_not(report.passed, "element %lld: not caught", (long long)index);
        cr_expect_eq(report.index, index, "element %lld: found %lld: %s", (long long)index,
                     (long long)report.index, report.message);
        cr_expect_not_null(strstr(report.message, "sign"), "%s", report.message);
    }
}

/* ---- a mistake that is no operator's ---- */
static reel_var build_detached(reel_tape *tape, const reel_var *in, void *user)
{
    const reel_tensor value = reel_value(in[0]);
    (void)user;
    return reel_add(
        reel_exp(in[0]),
        reel_mul(reel_exp(in[0]), reel_input(tape, &value))); /* a copy: no gradient flows */
}

Test(wrong_gradients, a_value_that_bypasses_the_tape_is_told_from_a_wrong_operator)
{
    reel_error err = {0};
    reel_gradcheck_report report;
    const reel_gradcheck_shape shape = {1, {6}};
    cr_assert_eq(reel_gradcheck_drawn(NULL, build_detached, NULL, REEL_DRAW_NORMAL, &shape, 1, NULL,
                                      &report, &err),
                 REEL_OK, "%s", err.message);
    cr_expect_not(report.passed);
    cr_expect_str_empty(report.op, "blamed on %s", report.op);
    cr_expect_not_null(strstr(report.message, "from outside the tape"), "%s", report.message);
}

Test(wrong_gradients, inputs_are_called_by_their_names)
{
    static const char *const names[] = {"the left matrix", "the right matrix"};
    double a[6] = {0.5, -1.25, 2, 3.5, -0.75, 1}, b[6] = {1, 2, 3, -1, 0.5, 0.25};
    reel_tensor in[] = {reel_tensor_of(a, REEL_F64, 2, (const int64_t[]){2, 3}),
                        reel_tensor_of(b, REEL_F64, 2, (const int64_t[]){3, 2})};
    reel_error err = {0};
    reel_gradcheck_report report;
    use u = {&product, OTHER_SIGN, 2};
    cr_assert_eq(reel_gradcheck(NULL, build, &u, in, 2, &(reel_gradcheck_config){.names = names},
                                &report, &err),
                 REEL_OK, "%s", err.message);
    cr_expect_not(report.passed);
    cr_expect_not_null(strstr(report.message, "the right matrix (3, 2) at"), "%s", report.message);
}
