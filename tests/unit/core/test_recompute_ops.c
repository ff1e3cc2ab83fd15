/* Every operator's value can be freed and computed again: the gradients keep their bits. */
#include <stdlib.h>

#include "core/gradcheck/gradcheck.h"
#include "tests/unit/core/on_tape.h"

enum { MOST = REEL_MAX_INPUTS };

/* "(2, 3) (4)" as shapes; returns their number. */
static int read_shapes(const char *text, int ndim[MOST], int64_t shape[MOST][REEL_MAX_DIMS])
{
    int n = 0;
    for (; (text = strchr(text, '(')); n++) {
        ndim[n] = 0;
        for (text++; *text != ')'; text += strspn(text, ", ")) {
            char *end;
            shape[n][ndim[n]++] = strtoll(text, &end, 10);
            text = end;
        }
    }
    return n;
}

/* The gradients of sum(y^2), y freed before backward or not. */
static void run_case(const reel_op *op, const reel_op_case *c, bool again, reel_var *in)
{
    int ndim[MOST];
    int64_t shape[MOST][REEL_MAX_DIMS];
    const int n = read_shapes(c->in, ndim, shape);
    for (int i = 0; i < n; i++) {
        in[i] = drawn((uint32_t)i, ndim[i], shape[i]);
        const reel_tensor t = reel_value(in[i]);
        for (int64_t k = 0; k < reel_tensor_numel(&t); k++) /* for roots and logarithms */
            ((double *)t.data)[k] = 0.3 + fabs(((double *)t.data)[k]);
    }

    reel_var y;
    if (c->build)
        y = c->build(tape, in);
    else if (op->build)
        y = op->build(in, n, c->attrs);
    else
        y = reel_apply(op, c->attrs, op->attrs_bytes, in, n);
    const reel_var loss = reel_mean_all(reel_mul(y, y));
    if (again) {
        reel_recompute(y);
        cr_expect_null(reel_value(y).data, "%s: %s is still there", op->name, c->label);
    }
    cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s: %s: %s", op->name, c->label, err.message);
    cr_expect(!again || reel_tape_work_done(tape).elements > 0);
}

static double *gradients_of(const reel_op *op, const reel_op_case *c, bool again, int64_t *count)
{
    reel_var in[MOST] = {{0}};
    double *all = NULL;
    *count = 0;
    open_tape(REEL_F64);
    run_case(op, c, again, in);
    for (int i = 0; i < MOST && in[i].tape; i++) {
        const reel_tensor g = reel_grad(in[i]);
        const int64_t n = g.data ? reel_tensor_numel(&g) : 0;
        all = realloc(all, (size_t)(*count + n + 1) * sizeof *all);
        cr_assert(all);
        memcpy(all + *count, g.data ? g.data : all, (size_t)n * sizeof *all);
        *count += n;
    }
    close_tape();
    return all;
}

Test(recompute_ops, every_operator_gives_its_value_again)
{
    for (int i = 0; i < reel_op_count(); i++) {
        const reel_op *op = reel_op_at(i);
        for (int k = 0; k < op->n_cases; k++) {
            int64_t n, m;
            double *kept = gradients_of(op, &op->cases[k], false, &n);
            double *again = gradients_of(op, &op->cases[k], true, &m);
            cr_assert_eq(n, m);
            cr_expect_eq(memcmp(kept, again, (size_t)n * sizeof *kept), 0,
                         "%s: %s: other gradients", op->name, op->cases[k].label);
            free(kept);
            free(again);
        }
    }
}

/* Running statistics move once a step, however often the value is computed. frozen: no gradient
 * reaches the layer, so it keeps no moments, and what is behind it makes it compute again. */
static void expect_one_move(bool frozen)
{
    double mean[2][2] = {{0}}, var[2][2] = {{1, 1}, {1, 1}};
    for (int again = 0; again < 2; again++) {
        open_tape(REEL_F64);
        const reel_batch_norm2d_attrs attrs = {
            .running_mean = reel_tensor_of(mean[again], REEL_F64, 1, SHAPE(2)),
            .running_var = reel_tensor_of(var[again], REEL_F64, 1, SHAPE(2)),
            .momentum = 0.1,
            .training = true};
        reel_var in[3] = {drawn(1, DIMS(3, 2, 2, 2)), drawn(2, DIMS(2)), drawn(3, DIMS(2))};
        for (int i = 0; frozen && i < REEL_COUNT(in); i++) {
            const reel_tensor value = reel_value(in[i]);
            in[i] = reel_input(tape, &value);
        }
        const reel_var y = reel_batch_norm2d(in[0], in[1], in[2], &attrs);
        const reel_var loss = reel_mean_all(reel_mul(y, drawn(4, DIMS(3, 2, 2, 2))));
        if (again)
            reel_recompute(y);
        cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
        close_tape();
    }
    cr_expect_eq(memcmp(mean[0], mean[1], sizeof mean[0]), 0, "frozen %d", frozen);
    cr_expect_eq(memcmp(var[0], var[1], sizeof var[0]), 0, "frozen %d", frozen);
    cr_expect_neq(mean[0][0], 0);
}

Test(recompute_ops, running_statistics_move_once)
{
    expect_one_move(false);
    expect_one_move(true);
}

/* a -> b -> c -> d, all freed: what is needed is computed in order, and each value once. */
Test(recompute_ops, a_chain_of_freed_values_is_computed_once)
{
    double kept[6];
    for (int again = 0; again < 2; again++) {
        open_tape(REEL_F64);
        const reel_var x = drawn(5, DIMS(2, 3));
        const reel_var a = reel_tanh(x), b = reel_mul(a, a), c = reel_sigmoid(b),
                       d = reel_mul(c, b);
        const reel_var loss = reel_mean_all(reel_mul(d, d));
        const reel_var all[] = {a, b, c, d};
        for (int i = 0; i < 4; i++)
            again ? reel_recompute(all[i]) : reel_release(all[i]);
        cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
        cr_expect_eq(reel_tape_work_done(tape).elements, again ? 4 * 6 : 0);
        const reel_tensor g = reel_grad(x);
        if (again)
            cr_expect_eq(memcmp(kept, g.data, sizeof kept), 0);
        memcpy(kept, g.data, sizeof kept);
        close_tape();
    }
}

/* A weight's gradient behind values that were made while the tape did not record. freed: the tape
 * may free every value, recorded or not. */
static void gradient_behind_unrecorded(double *gradient, bool freed)
{
    open_tape(REEL_F64);
    const reel_var w = drawn(6, DIMS(4));
    reel_tape_set_recording(tape, false);
    const reel_var two = reel_scalar(tape, 2), x = drawn(5, DIMS(4));
    const reel_var a = reel_tanh(reel_mul(x, two)), front = reel_sigmoid(a);

    reel_tape_set_recording(tape, true);
    const reel_var half = reel_scalar(tape, 0.5), sum = reel_add(front, half);
    const reel_var y = reel_mul(sum, w), z = reel_mul(y, front),
                   loss = reel_mean_all(reel_mul(z, z));
    reel_tape_set_recording(tape, false);
    const reel_var all[] = {two, x, a, front, half, sum, y, z};
    for (int i = 0; freed && i < REEL_COUNT(all); i++)
        reel_recompute(all[i]);
    cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
    memcpy(gradient, reel_grad(w).data, 4 * sizeof *gradient);
    close_tape();
}

Test(recompute_ops, values_that_were_not_recorded_are_there_for_those_that_were)
{
    double kept[4], again[4];
    gradient_behind_unrecorded(kept, false);
    gradient_behind_unrecorded(again, true);
    cr_expect_eq(memcmp(kept, again, sizeof kept), 0);
}

/* A leaf that was released stays for those that are computed from it. */
Test(recompute_ops, a_released_scalar_is_still_there)
{
    open_tape(REEL_F64);
    const reel_var x = drawn(5, DIMS(4)), two = reel_scalar(tape, 2);
    const reel_var y = reel_add(x, two), loss = reel_mean_all(reel_mul(y, y));
    reel_release(two);
    reel_recompute(y);
    cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
    close_tape();
}
