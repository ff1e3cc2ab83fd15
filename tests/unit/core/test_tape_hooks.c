/* Hooks of the tape: when the value of a parameter is needed, and when its gradient is final. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/ops.h"

enum { W1, B1, W2, B2, PARAMS, WIDE = 4 };

static reel_ctx *ctx;
static reel_tape *tape;
static reel_params *params;
static reel_error err;
static char told[200];     /* "n0 n1 r1 ": a call each, with the number of the parameter */
static int fails_at;       /* the parameter that cannot be had; -1 = none */
static double at_ready[8]; /* the first element of each gradient when it was said to be final */

static void tell_call(char kind, int index)
{
    const size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "%c%d ", kind, index);
}

static reel_status see_need(void *user, reel_params *of, int index, reel_error *e)
{
    cr_expect(user == told && of == params);
    tell_call('n', index);
    return index == fails_at ? reel_fail(e, REEL_ERR_IO, "a rank is lost") : REEL_OK;
}

static void see_ready(void *user, reel_params *of, int index)
{
    cr_expect(user == told && of == params);
    tell_call('r', index);
    at_ready[index] = *(const double *)reel_params_at(params, index)->grad.data;
}

static const reel_param_hooks hooks = {.need = see_need, .ready = see_ready, .user = told};

static void setup(void)
{
    static const char *const names[PARAMS] = {"1.weight", "1.bias", "2.weight", "2.bias"};
    const int64_t weight[2] = {WIDE, WIDE}, bias[1] = {WIDE};
    told[0] = '\0';
    fails_at = -1;
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 2}, &err), REEL_OK);
    cr_assert_eq(reel_tape_create(&tape, ctx, &(reel_tape_config){.dtype = REEL_F64}, &err),
                 REEL_OK);
    cr_assert_eq(reel_params_create(&params, REEL_F64, &err), REEL_OK);
    for (int i = 0; i < PARAMS; i++)
        cr_assert_eq(
            reel_params_add(params, names[i], i % 2 ? 1 : 2, i % 2 ? bias : weight, 0, NULL, &err),
            REEL_OK);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK);
    for (int i = 0; i < PARAMS; i++) {
        const reel_tensor *value = &reel_params_at(params, i)->value;
        for (int64_t k = 0; k < reel_tensor_numel(value); k++)
            ((double *)value->data)[k] = (double)(k % 5) - 1.5 + i;
    }
    reel_tape_set_param_hooks(tape, &hooks);
}

static void teardown(void)
{
    reel_params_destroy(params);
    reel_tape_destroy(tape);
    reel_ctx_destroy(ctx);
}

TestSuite(tape_hooks, .init = setup, .fini = teardown);

static reel_var rows_of_input(void)
{
    static double x[2 * WIDE] = {1, -2, 3, -4, 5, -6, 7, -8};
    const reel_tensor t = reel_tensor_of(x, REEL_F64, 2, (const int64_t[]){2, WIDE});
    return reel_input(tape, &t);
}

static reel_var linear_of(reel_var x, int weight, int bias)
{
    const reel_var w = reel_param_var(tape, params, weight);
    return reel_linear(x, w, reel_param_var(tape, params, bias));
}

static void expect_told(const char *expected)
{
    cr_expect_str_eq(told, expected, "got \"%s\", expected \"%s\"", told, expected);
}

/* What was said to be final is what is there at the end. */
static void expect_final(void)
{
    for (int i = 0; i < PARAMS; i++)
        if (reel_params_at(params, i)->has_grad)
            cr_expect_eq(at_ready[i], *(const double *)reel_params_at(params, i)->grad.data,
                         "parameter %d", i);
}

Test(tape_hooks, forward_asks_in_its_order_and_backward_tells_in_reverse)
{
    const reel_var h = reel_relu(linear_of(rows_of_input(), W1, B1));
    const reel_var loss = reel_mean_all(linear_of(h, W2, B2));
    expect_told("n0 n1 n2 n3 ");
    told[0] = '\0';
    cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
    expect_told("r2 r3 r0 r1 ");
    expect_final();
}

Test(tape_hooks, a_parameter_used_twice_is_final_after_its_first_use)
{
    const reel_var h = linear_of(rows_of_input(), W1, B1);
    const reel_var y = linear_of(h, W2, B2);
    const reel_var loss = reel_mean_all(linear_of(y, W1, B2)); /* leaves of their own */
    told[0] = '\0';
    cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
    expect_told("r2 r3 r0 r1 ");
    expect_final();

    /* One leaf, two operators. */
    reel_tape_reset(tape);
    reel_params_zero_grad(params);
    const reel_var w = reel_param_var(tape, params, W1);
    const reel_var twice = reel_linear(reel_linear(rows_of_input(), w, REEL_NONE), w, REEL_NONE);
    told[0] = '\0';
    cr_assert_eq(reel_backward(reel_mean_all(twice), &err), REEL_OK, "%s", err.message);
    expect_told("r0 ");
    expect_final();
}

Test(tape_hooks, what_gets_no_gradient_is_never_final)
{
    reel_params_at(params, W1)->flags |= REEL_PARAM_FROZEN;
    const reel_var h = linear_of(rows_of_input(), W1, B1);
    linear_of(h, W2, B2); /* the loss does not depend on it */
    const reel_var loss = reel_mean_all(h);
    expect_told("n0 n1 n2 n3 ");
    told[0] = '\0';
    cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
    expect_told("r1 ");

    /* Used by the loss, and before it by what the loss does not depend on. */
    reel_tape_reset(tape);
    reel_params_zero_grad(params);
    const reel_var w = reel_param_var(tape, params, W2);
    reel_linear(rows_of_input(), w, REEL_NONE);
    const reel_var other = reel_mean_all(reel_linear(rows_of_input(), w, REEL_NONE));
    told[0] = '\0';
    cr_assert_eq(reel_backward(other, &err), REEL_OK, "%s", err.message);
    expect_told("r2 ");
}

Test(tape_hooks, late_gradients_are_final_when_they_are_there)
{
    reel_tape_set_late_gradients(tape, WIDE * WIDE * sizeof(double));
    const reel_var h = reel_relu(linear_of(rows_of_input(), W1, B1));
    const reel_var loss = reel_mean_all(linear_of(h, W2, B2));
    told[0] = '\0';
    cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
    expect_told("r3 r1 r2 r0 ");
    expect_final();
}

Test(tape_hooks, recomputation_asks_for_nothing_again)
{
    const reel_var a = linear_of(rows_of_input(), W1, B1);
    const reel_var h = reel_relu(a);
    const reel_var loss = reel_mean_all(linear_of(h, W2, B2));
    reel_recompute(h);
    told[0] = '\0';
    cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
    expect_told("r2 r3 r0 r1 ");
}

Test(tape_hooks, a_value_that_cannot_be_had_fails_the_step)
{
    fails_at = W2;
    const reel_var h = linear_of(rows_of_input(), W1, B1);
    const reel_var loss = reel_mean_all(linear_of(h, W2, B2));
    expect_told("n0 n1 n2 "); /* B2 is not asked for any more */
    cr_expect_eq(reel_backward(loss, &err), REEL_ERR_IO);
    cr_expect_str_eq(err.message, "a rank is lost");
    expect_told("n0 n1 n2 ");

    reel_tape_reset(tape);
    reel_tape_set_param_hooks(tape, NULL);
    told[0] = '\0';
    cr_expect_eq(reel_backward(reel_mean_all(linear_of(rows_of_input(), W2, B2)), &err), REEL_OK);
    expect_told("");
}

Test(tape_hooks, after_an_error_in_the_sweep_nothing_is_final)
{
    /* Of a batch in pieces a parameter may be used once: the second sum is refused. */
    const reel_var w = reel_param_var(tape, params, W1);
    reel_tape_set_pieces(tape, 2);
    const reel_var a = reel_linear(rows_of_input(), w, REEL_NONE);
    const reel_var y = linear_of(reel_linear(a, w, REEL_NONE), W2, B2);
    reel_tape_set_pieces(tape, 1);
    told[0] = '\0';
    cr_expect_eq(reel_backward(reel_mean_all(y), &err), REEL_ERR_INVALID);
    expect_told("r2 r3 ");
}

/* ---- what an operator hears of the pieces of a batch ---- */

static int64_t pieces_seen[2]; /* in forward, in backward */

static void copy_rows_forward(const reel_call *c)
{
    pieces_seen[0] = c->pieces;
    memcpy(c->out.data, c->in[0].data, reel_tensor_bytes(&c->out));
}

static void copy_rows_backward(const reel_call *c)
{
    const double *dout = c->dout.data;
    double *din = c->din[0].data;
    pieces_seen[1] = c->pieces;
    for (int64_t i = 0; i < reel_tensor_numel(&c->dout); i++)
        din[i] += dout[i];
}

Test(tape_hooks, an_operator_of_rows_is_called_once_and_hears_of_no_pieces)
{
    static const reel_op copy_rows = {.name = "copy_rows",
                                      .min_in = 1,
                                      .max_in = 1,
                                      .flags = REEL_OP_ROWS,
                                      .forward = {[REEL_F64] = copy_rows_forward},
                                      .backward = {[REEL_F64] = copy_rows_backward}};
    double numbers[6 * WIDE] = {0};
    const reel_tensor x = reel_tensor_of(numbers, REEL_F64, 2, (const int64_t[]){6, WIDE});
    reel_tape_set_pieces(tape, 3);
    const reel_var in = reel_input_grad(tape, &x), out = reel_apply(&copy_rows, NULL, 0, &in, 1);
    reel_tape_set_pieces(tape, 1);
    cr_assert_eq(reel_backward(reel_mean_all(reel_slice(out, 0, 0, 6)), &err), REEL_OK, "%s",
                 err.message);
    cr_expect_eq(pieces_seen[0], 1);
    cr_expect_eq(pieces_seen[1], 1);
}
