/* The tape: what is recorded, where gradients go, how a failure travels, when memory is freed. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "core/op.h"
#include "core/ops.h"

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

static reel_ctx *ctx;
static reel_tape *tape;
static reel_error err;

/* Makes the tape of a test, in place of the one before. */
static void open_tape(const reel_tape_config *config)
{
    reel_tape_destroy(tape);
    reel_ctx_destroy(ctx);
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 2}, &err), REEL_OK, "%s",
                 err.message);
    cr_assert_eq(reel_tape_create(&tape, ctx, config, &err), REEL_OK, "%s", err.message);
}

static void setup(void)
{
    open_tape(&(reel_tape_config){.dtype = REEL_F64});
}

static void teardown(void)
{
    reel_tape_destroy(tape);
    reel_ctx_destroy(ctx);
}

TestSuite(tape, .init = setup, .fini = teardown);

static reel_tensor vector(double *x, int64_t n)
{
    return reel_tensor_of(x, REEL_F64, 1, &n);
}

static void expect_values(reel_tensor t, const double *expected, const char *what)
{
    cr_assert_not_null(t.data, "%s: there is none", what);
    const double *got = t.data;
    for (int64_t i = 0; i < reel_tensor_numel(&t); i++)
        cr_expect_eq(got[i], expected[i], "%s[%d]: %.17g, expected %.17g", what, (int)i, got[i],
                     expected[i]);
}

static void expect_backward(reel_var loss)
{
    cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
}

Test(tape, a_value_used_twice_receives_both_gradients)
{
    double x[3] = {1, -2, 3};
    const reel_tensor t = vector(x, 3);
    const reel_var v = reel_input_grad(tape, &t);
    const reel_var square = reel_mul(v, v),
                   y = reel_add(reel_add(square, v), square); /* 2 x^2 + x */
    expect_backward(reel_sum(y, 0, false));
    expect_values(reel_grad(v), (const double[]){5, -7, 13}, "gradient");
}

Test(tape, backward_starts_at_any_scalar_and_touches_only_what_it_depends_on)
{
    double x[2] = {2, 5}, z[2] = {1, 1};
    const reel_tensor tx = vector(x, 2), tz = vector(z, 2);
    const reel_var vx = reel_input_grad(tape, &tx), vz = reel_input_grad(tape, &tz);
    const reel_var early = reel_sum(reel_mul(vx, vx), 0, false);
    reel_sum(reel_mul(vz, vx), 0, false);
    expect_backward(early);
    expect_values(reel_grad(vx), (const double[]){4, 10}, "dx");
    cr_expect_null(reel_grad(vz).data, "a value that the loss does not depend on has a gradient");
}

Test(tape, a_constant_gets_no_gradient)
{
    double x[2] = {2, 5}, z[2] = {3, 4};
    const reel_tensor tx = vector(x, 2), tz = vector(z, 2);
    const reel_var vx = reel_input_grad(tape, &tx), vz = reel_input(tape, &tz);
    expect_backward(reel_sum(reel_mul(vx, vz), 0, false));
    expect_values(reel_grad(vx), z, "dx");
    cr_expect_null(reel_grad(vz).data);
}

Test(tape, backward_refuses_what_is_no_scalar_or_was_not_recorded)
{
    double x[2] = {2, 5};
    const reel_tensor t = vector(x, 2);
    const reel_var v = reel_input_grad(tape, &t), constant = reel_input(tape, &t);
    cr_expect_eq(reel_backward(reel_mul(v, v), &err), REEL_ERR_INVALID);
    cr_expect_not_null(strstr(err.message, "(2)"), "%s", err.message);
    cr_expect_eq(reel_backward(reel_sum(constant, 0, false), &err), REEL_ERR_INVALID);
    reel_tape_set_recording(tape, false);
    const reel_var quiet = reel_sum(reel_mul(v, v), 0, false);
    cr_expect_eq(reel_backward(quiet, &err), REEL_ERR_INVALID);
    reel_tape_set_recording(tape, true);
    expect_backward(reel_sum(reel_mul(v, v), 0, false));
}

Test(tape, the_first_error_sticks_until_reset)
{
    double x[6] = {1, 2, 3, 4, 5, 6};
    const reel_tensor a = reel_tensor_of(x, REEL_F64, 2, SHAPE(2, 3)), b = vector(x, 4);
    const reel_var bad = reel_add(reel_input_grad(tape, &a), reel_input(tape, &b));
    cr_expect_lt(bad.id, 0);
    cr_expect_null(reel_value(bad).data);
    const reel_var later = reel_log(reel_mul(bad, bad));
    cr_expect_lt(later.id, 0);
    cr_expect_eq(reel_backward(reel_sum(later, 0, false), &err), REEL_ERR_INVALID);
    cr_expect(strncmp(err.message, "add (2, 3) (4): ", 16) == 0, "%s", err.message);
    reel_tape_prefix_error(tape, "layer 3");
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect(strncmp(err.message, "layer 3: add (2, 3) (4): ", 25) == 0, "%s", err.message);
    reel_tape_reset(tape);
    cr_expect_eq(reel_tape_status(tape, &err), REEL_OK);
    const reel_var v = reel_input_grad(tape, &a);
    expect_backward(reel_sum(v, 0, false));
}

Test(tape, the_seed_can_be_scaled)
{
    double x[2] = {2, 5};
    const reel_tensor t = vector(x, 2);
    const reel_var v = reel_input_grad(tape, &t);
    cr_assert_eq(reel_backward_scaled(reel_sum(reel_mul(v, v), 0, false), 0.25, &err), REEL_OK,
                 "%s", err.message);
    expect_values(reel_grad(v), (const double[]){1, 2.5}, "gradient");
}

Test(tape, backward_twice_needs_retain)
{
    double x[2] = {2, 5};
    const reel_tensor t = vector(x, 2);
    for (int retain = 0; retain < 2; retain++) {
        open_tape(&(reel_tape_config){.dtype = REEL_F64, .retain = retain});
        const reel_var v = reel_input_grad(tape, &t), square = reel_mul(v, v),
                       loss = reel_sum(square, 0, false);
        expect_backward(loss);
        cr_expect_eq(reel_value(square).data != NULL, retain, "retain %d: an inner value is %s",
                     retain, retain ? "gone" : "kept");
        cr_expect_not_null(reel_value(loss).data, "the loss must stay");
        cr_expect_eq(reel_backward(loss, &err), retain ? REEL_OK : REEL_ERR_INVALID);
        if (retain) {
            expect_values(reel_grad(v), (const double[]){8, 20}, "gradient after two");
            expect_values(reel_grad(square), (const double[]){1, 1}, "inner gradient");
        } else {
            cr_expect_not_null(strstr(err.message, "retain"), "%s", err.message);
        }
    }
}

Test(tape, gradients_in_the_store_add_up_until_they_are_zeroed)
{
    reel_params *params;
    cr_assert_eq(reel_params_create(&params, REEL_F64, &err), REEL_OK);
    cr_assert_eq(reel_params_add(params, "w", 1, SHAPE(2), 0, NULL, &err), REEL_OK);
    cr_assert_eq(reel_params_add(params, "cold", 1, SHAPE(2), REEL_PARAM_FROZEN, NULL, &err),
                 REEL_OK);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK);
    const reel_param *w = reel_params_at(params, 0), *cold = reel_params_at(params, 1);
    memcpy(w->value.data, (const double[]){3, -1}, 16);
    memcpy(cold->value.data, (const double[]){10, 20}, 16);
    for (int pass = 1; pass <= 3; pass++) {
        if (pass == 3)
            reel_params_zero_grad(params);
        cr_expect_eq(w->has_grad, pass == 2, "pass %d", pass);
        const reel_var vw = reel_param_var(tape, params, 0), vc = reel_param_var(tape, params, 1);
        expect_backward(reel_sum(reel_mul(vw, vc), 0, false));
        reel_tape_reset(tape);
        const double times = pass == 2 ? 2 : 1;
        expect_values(w->grad, (const double[]){10 * times, 20 * times}, "w");
        cr_expect_not(cold->has_grad, "a frozen parameter has a gradient");
    }
    reel_params_destroy(params);
}

/* Operators that assign fresh gradients, and those that add, get the same memory for both inputs.
 */
Test(tape, two_handles_of_a_parameter_in_one_operator_both_count)
{
    reel_params *params;
    cr_assert_eq(reel_params_create(&params, REEL_F64, &err), REEL_OK);
    cr_assert_eq(reel_params_add(params, "w", 1, SHAPE(2), 0, NULL, &err), REEL_OK);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK);
    const reel_param *w = reel_params_at(params, 0);
    memcpy(w->value.data, (const double[]){3, -1}, 16);
    for (int pass = 1; pass <= 2; pass++) {
        const reel_var a = reel_param_var(tape, params, 0), b = reel_param_var(tape, params, 0);
        expect_backward(reel_sum(reel_mul(a, b), 0, false));
        expect_values(w->grad, (const double[]){6.0 * pass, -2.0 * pass}, "gradient of w^2");
        reel_tape_reset(tape);
    }
    reel_params_destroy(params);
}

Test(tape, two_losses_that_share_leaves_only_may_be_swept_in_any_order)
{
    double x[2] = {2, 5};
    const reel_tensor t = vector(x, 2);
    for (int order = 0; order < 2; order++) {
        const reel_var v = reel_input_grad(tape, &t);
        const reel_var loss[] = {reel_sum(reel_mul(v, v), 0, false),
                                 reel_sum(reel_exp(reel_neg(reel_relu(v))), 0, false)};
        expect_backward(loss[order]);
        expect_backward(loss[!order]);
        const double *dx = reel_grad(v).data;
        for (int i = 0; i < 2; i++)
            cr_expect_float_eq(dx[i], 2 * x[i] - exp(-x[i]), 1e-15,
                               "order %d: dx[%d]: %.17g, expected %.17g", order, i, dx[i],
                               2 * x[i] - exp(-x[i]));
        reel_tape_reset(tape);
    }
}

Test(tape, a_loss_over_values_that_another_swept_is_refused)
{
    double x[2] = {2, 5};
    const reel_tensor t = vector(x, 2);
    const reel_var v = reel_input_grad(tape, &t), shared = reel_exp(v);
    const reel_var first = reel_sum(shared, 0, false), second = reel_mean_all(reel_neg(shared));
    expect_backward(first);
    cr_expect_eq(reel_backward(second, &err), REEL_ERR_INVALID);
    cr_expect_not_null(strstr(err.message, "exp was swept before"), "%s", err.message);
}

Test(tape, gradients_of_an_input_add_up_over_steps_of_one_tape)
{
    double x[2] = {2, 5};
    const reel_tensor t = vector(x, 2);
    const reel_var v = reel_input_grad(tape, &t);
    for (int pass = 1; pass <= 3; pass++) {
        expect_backward(reel_sum(reel_mul(v, v), 0, false));
        expect_values(reel_grad(v), (const double[]){4.0 * pass, 10.0 * pass}, "gradient");
    }
    cr_expect_null(reel_grad((reel_var){tape, -1}).data);
}

Test(tape, backward_frees_what_it_has_passed)
{
    double x[1000] = {1};
    const reel_tensor t = vector(x, 1000);
    reel_var v = reel_input_grad(tape, &t), chain[8];
    for (int i = 0; i < 8; i++)
        v = chain[i] = reel_exp(v);
    const size_t forward = reel_tape_peak_bytes(tape);
    expect_backward(reel_mean_all(v));
    for (int i = 0; i < 8; i++)
        cr_expect_null(reel_value(chain[i]).data, "value %d is still there", i);
    /* At most two gradients at a time, one of which takes the place of a value: not one more for
     * each of the eight. */
    cr_expect_leq(reel_tape_peak_bytes(tape), forward + 3 * sizeof x,
                  "%zu bytes in forward, %zu with backward", forward, reel_tape_peak_bytes(tape));
}

Test(tape, a_parameter_of_another_dtype_is_refused_by_name)
{
    reel_params *params;
    cr_assert_eq(reel_params_create(&params, REEL_F32, &err), REEL_OK);
    cr_assert_eq(reel_params_add(params, "w", 1, SHAPE(2), 0, NULL, &err), REEL_OK);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK);
    reel_param_var(tape, params, 0);
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect_str_eq(err.message, "parameter w is float32, the tape float64");
    reel_params_destroy(params);
}

Test(tape, other_dtypes_and_layouts_are_converted_on_the_way_in)
{
    float x[24];
    for (int i = 0; i < 24; i++)
        x[i] = (float)i;
    const reel_tensor rows =
        reel_tensor_with_layout(x, REEL_F32, REEL_ROW_MAJOR, 4, SHAPE(1, 2, 3, 4));
    const reel_tensor v = reel_value(reel_input(tape, &rows));
    cr_expect(reel_tensor_is_canonical(&v));
    cr_expect_eq(v.dtype, REEL_F64);
    for (int64_t i = 0; i < 24; i++) {
        const double got = reel_tensor_get(&v, SHAPE(0, i / 12, i / 4 % 3, i % 4));
        cr_expect_eq(got, (double)i, "element %d: %g", (int)i, got);
    }
}

Test(tape, a_released_value_is_freed_once_nothing_needs_it)
{
    open_tape(&(reel_tape_config){.dtype = REEL_F64, .no_grad = true});
    double x[1000] = {1};
    const reel_tensor t = vector(x, 1000);
    reel_var v = reel_input_grad(tape, &t);
    size_t peak = 0;
    for (int i = 0; i < 50; i++) {
        const reel_var next = reel_neg(v);
        reel_release(v);
        if (i > 0)
            cr_expect_null(reel_value(v).data, "value %d is still there", i);
        v = next;
        if (i == 2)
            peak = reel_tape_peak_bytes(tape);
    }
    cr_expect_eq(reel_tape_peak_bytes(tape), peak, "memory grows: %zu, then %zu", peak,
                 reel_tape_peak_bytes(tape));
    cr_expect_not_null(t.data);
}

Test(tape, a_released_value_stays_while_backward_needs_it)
{
    double x[2] = {2, 5};
    const reel_tensor t = vector(x, 2);
    const reel_var v = reel_input_grad(tape, &t), a = reel_mul(v, v), b = reel_mul(a, a);
    reel_release(a);
    cr_expect_not_null(reel_value(a).data);
    expect_backward(reel_sum(b, 0, false));
    expect_values(reel_grad(v), (const double[]){32, 500}, "gradient of x^4");
    cr_expect_null(reel_value(a).data);
}

Test(tape, a_value_that_was_freed_cannot_be_used_again)
{
    double x[2] = {2, 5};
    const reel_tensor t = vector(x, 2);
    const reel_var v = reel_input_grad(tape, &t), a = reel_mul(v, v);
    expect_backward(reel_sum(a, 0, false));
    reel_neg(a);
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect_not_null(strstr(err.message, "neg: input 0"), "%s", err.message);
}

Test(tape, memory_over_the_limit_is_an_error_and_not_the_end)
{
    open_tape(&(reel_tape_config){.dtype = REEL_F64, .limit_bytes = 65536});
    double x[1000] = {1};
    const reel_tensor t = vector(x, 1000);
    reel_var v = reel_input_grad(tape, &t);
    for (int i = 0; i < 20; i++)
        v = reel_exp(v);
    cr_expect_eq(reel_backward(reel_sum(v, 0, false), &err), REEL_ERR_MEMORY);
    cr_expect_not_null(strstr(err.message, "exp"), "%s", err.message);
    reel_tape_reset(tape);
    v = reel_input_grad(tape, &t);
    expect_backward(reel_sum(v, 0, false));
}

Test(tape, every_step_finds_its_memory_again)
{
    double x[100] = {1};
    const reel_tensor t = vector(x, 100);
    const void *first = NULL;
    size_t peak = 0;
    for (int step = 0; step < 4; step++) {
        const reel_var v = reel_input_grad(tape, &t), a = reel_exp(reel_mul(v, v));
        const void *address = reel_value(a).data;
        expect_backward(reel_mean_all(a));
        if (step == 0)
            first = address, peak = reel_tape_peak_bytes(tape);
        cr_expect_eq(address, first, "step %d: %p, before %p", step, address, first);
        cr_expect_eq(reel_tape_peak_bytes(tape), peak, "step %d: the peak grew", step);
        reel_tape_reset(tape);
    }
}

static void nothing(const reel_call *c)
{
    (void)c;
}

Test(tape, an_operator_without_backward_is_named)
{
    static const reel_op one_way = {
        .name = "one_way", .min_in = 1, .max_in = 1, .forward = {nothing, nothing}};
    double x[1] = {1};
    const reel_tensor t = vector(x, 1);
    const reel_var v = reel_input_grad(tape, &t);
    cr_expect_eq(reel_backward(reel_sum(reel_apply(&one_way, NULL, 0, &v, 1), 0, false), &err),
                 REEL_ERR_INVALID);
    cr_expect_str_eq(err.message, "backward: one_way has none in float64");
}

/* x * scale + shift, where each of the two may be left out. Refuses a shape of more than one
 * dimension. */
static bool is_there(const reel_call *c, int input)
{
    return input < c->n_in && c->in[input].ndim >= 0;
}

static reel_status affine_infer(reel_infer *q, reel_error *why)
{
    return q->ndim == 1 ? REEL_OK : reel_fail(why, REEL_ERR_INVALID, "expected a vector");
}

static void affine_forward(const reel_call *c)
{
    const double *x = c->in[0].data, *scale = is_there(c, 1) ? c->in[1].data : NULL,
                 *shift = is_there(c, 2) ? c->in[2].data : NULL;
    for (int64_t i = 0; i < c->out.shape[0]; i++)
        ((double *)c->out.data)[i] = x[i] * (scale ? scale[i] : 1) + (shift ? shift[i] : 0);
}

static void affine_backward(const reel_call *c)
{
    const double *x = c->in[0].data, *scale = is_there(c, 1) ? c->in[1].data : NULL,
                 *dout = c->dout.data;
    for (int input = 0; input < c->n_in; input++) {
        double *din = c->din[input].data;
        for (int64_t i = 0; din && i < c->out.shape[0]; i++)
            din[i] += dout[i] * (input == 0 ? (scale ? scale[i] : 1) : input == 1 ? x[i] : 1);
    }
}

static const reel_op affine = {.name = "affine",
                               .min_in = 1,
                               .max_in = 3,
                               .flags = REEL_OP_NEEDS_INPUTS,
                               .infer = affine_infer,
                               .forward = {[REEL_F64] = affine_forward},
                               .backward = {[REEL_F64] = affine_backward}};

Test(tape, an_input_may_be_left_out_between_others)
{
    double x[2] = {2, 5}, scale[2] = {3, 4}, shift[2] = {10, 20};
    const reel_tensor tx = vector(x, 2), tscale = vector(scale, 2), tshift = vector(shift, 2);
    const reel_var in[] = {reel_input_grad(tape, &tx), reel_input_grad(tape, &tscale),
                           reel_input_grad(tape, &tshift)};
    const reel_var without_scale[] = {in[0], REEL_NONE, in[2]};
    const reel_var whole = reel_apply(&affine, NULL, 0, in, 3),
                   shifted = reel_apply(&affine, NULL, 0, without_scale, 3);
    expect_values(reel_value(whole), (const double[]){16, 40}, "x scale + shift");
    expect_values(reel_value(shifted), (const double[]){12, 25}, "x + shift");

    expect_backward(reel_sum(reel_add(whole, shifted), 0, false));
    expect_values(reel_grad(in[0]), (const double[]){4, 5}, "dx");
    expect_values(reel_grad(in[1]), (const double[]){2, 5}, "dscale");
    expect_values(reel_grad(in[2]), (const double[]){2, 2}, "dshift");
}

Test(tape, a_refusal_shows_the_shapes_of_the_inputs_that_were_given)
{
    double x[2] = {2, 5};
    const reel_tensor row = reel_tensor_of(x, REEL_F64, 2, SHAPE(1, 2)), shift = vector(x, 2);
    const reel_var in[] = {reel_input(tape, &row), REEL_NONE, reel_input(tape, &shift)};
    reel_apply(&affine, NULL, 0, in, 3);
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect_str_eq(err.message, "affine (1, 2) (2): expected a vector");
}

Test(tape, attributes_without_memory_and_a_dtype_without_a_function_are_refused)
{
    double x[2] = {2, 5};
    const reel_tensor t = vector(x, 2);
    const reel_var v = reel_input(tape, &t);
    cr_expect_lt(reel_apply(&affine, NULL, 8, &v, 1).id, 0);
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect_str_eq(err.message, "affine: attrs is NULL");

    open_tape(&(reel_tape_config){.dtype = REEL_F32});
    const reel_var single = reel_input(tape, &t);
    cr_expect_lt(reel_apply(&affine, NULL, 0, &single, 1).id, 0);
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect_str_eq(err.message, "affine: not available in float32");
}

/* A leaf names its parameter; a timed tape knows what each operator took, another one 0. */
Test(tape, its_nodes_tell_parameters_and_times)
{
    enum { LONG = 1 << 20 }; /* long enough for any clock */
    const int64_t n = LONG;
    reel_params *params;
    cr_assert_eq(reel_params_create(&params, REEL_F64, &err), REEL_OK);
    cr_assert_eq(reel_params_add(params, "a", 1, SHAPE(3), 0, NULL, &err), REEL_OK);
    cr_assert_eq(reel_params_add(params, "b", 1, &n, 0, NULL, &err), REEL_OK);
    cr_assert_eq(reel_params_commit(params, &err), REEL_OK);

    for (int timed = 0; timed < 2; timed++) {
        open_tape(&(reel_tape_config){.dtype = REEL_F64, .timed = timed == 1});
        const reel_var b = reel_param_var(tape, params, 1), y = reel_relu(b);
        expect_backward(reel_mean_all(y));
        const reel_tape_node leaf = reel_tape_node_at(tape, b.id),
                             relu = reel_tape_node_at(tape, y.id);
        cr_expect(!leaf.computed && leaf.param == 1);
        cr_expect(relu.computed && relu.param == -1 && relu.in[0] == b.id);
        cr_expect_eq(relu.forward > 0 && relu.backward > 0, timed == 1);
        cr_expect(relu.forward < 100 && relu.backward < 100, "they are seconds");
    }
    cr_expect_eq(reel_tape_node_at(tape, -1).id, -1);
    reel_tape_destroy(tape);
    tape = NULL;
    reel_params_destroy(params);
}
