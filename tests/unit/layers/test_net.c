/* Nets: names, modes, initialisers, errors, a module of one's own. */
#include <math.h>
#include <string.h>

#include "core/ops.h"
#include "tests/unit/layers/net_test.h"

TestSuite(net, .init = setup, .fini = teardown);

static void build(reel_net *net)
{
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
    reel_net_init(net);
}

/* Begins a Sequential with a ReLU and a convolution, which is layer 1 in it. */
static reel_net *new_features(int64_t in, int64_t out, int64_t kernel)
{
    reel_net *net = new_net(REEL_F32);
    reel_net_begin(net, "features");
    reel_net_relu(net);
    reel_net_conv2d(net, .in = in, .out = out, .kernel = kernel);
    return net;
}

Test(net, names_layers_by_position_and_nesting)
{
    reel_net *net = new_features(3, 2, 1);
    reel_net_begin(net, "inner");
    reel_net_conv2d(net, .name = "last", .in = 2, .out = 2, .kernel = 1);
    reel_net_end(net);
    reel_net_end(net);
    reel_net_linear(net, .in = 2, .out = 2, .no_bias = true);
    build(net);
    static const char *const names[] = {"features.1.weight", "features.1.bias",
                                        "features.inner.last.weight", "features.inner.last.bias",
                                        "1.weight"};
    cr_assert_eq(reel_params_count(reel_net_params(net)), 5);
    for (int i = 0; i < 5; i++)
        cr_expect_str_eq(reel_params_at(reel_net_params(net), i)->name, names[i]);
    reel_net_destroy(net);
}

Test(net, reports_the_first_error_with_the_layers_name)
{
    reel_net *net = new_net(REEL_F32);
    reel_net_begin(net, "features");
    reel_net_conv2d(net, .in = 3, .out = 4, .kernel = 3, .groups = 2);
    reel_net_dropout(net, .p = 1.5);
    cr_expect_eq(reel_net_build(net, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "features.0 (Conv2d)"), "%s", err.message);
    reel_net_destroy(net);
}

Test(net, refuses_a_name_that_does_not_fit_instead_of_cutting_it)
{
    reel_net *net = new_net(REEL_F32);
    char name[300];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    reel_net_linear(net, .name = name, .in = 2, .out = 2);
    cr_expect_eq(reel_net_build(net, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "255 bytes"), "%s", err.message);
    reel_net_destroy(net);
}

Test(net, names_the_layer_whose_input_does_not_fit)
{
    reel_net *net = new_features(5, 4, 3);
    reel_net_end(net);
    build(net);
    float data[3 * 4 * 4] = {0};
    const reel_tensor x = reel_tensor_of(data, REEL_F32, 4, (const int64_t[]){1, 3, 4, 4});
    reel_tape *tape;
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK);
    cr_expect_lt(reel_net_forward(net, tape, reel_input(tape, &x)).id, 0);
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect_eq(strncmp(err.message, "features.1: conv2d (1, 3, 4, 4) (4, 5, 3, 3)", 40), 0, "%s",
                 err.message);
    reel_tape_destroy(tape);
    reel_net_destroy(net);
}

/* Number of zeros in the output of a nested dropout on ones. */
static int zeros_after_dropout(bool training, int64_t step)
{
    reel_net *net = new_net(REEL_F32);
    reel_net_begin(net, "a");
    reel_net_begin(net, "b");
    reel_net_dropout(net, .p = 0.5);
    reel_net_end(net);
    reel_net_end(net);
    build(net);
    cr_expect(reel_net_training(net), "a new net is in training mode");
    reel_net_set_training(net, training);
    float data[1000];
    for (int i = 0; i < 1000; i++)
        data[i] = 1;
    const reel_tensor x = reel_tensor_of(data, REEL_F32, 1, (const int64_t[]){1000});
    reel_tape *tape;
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK);
    reel_tape_set_step(tape, step);
    const reel_tensor y = reel_value(reel_net_forward(net, tape, reel_input(tape, &x)));
    int zeros = 0;
    for (int i = 0; i < 1000; i++)
        zeros += ((float *)y.data)[i] == 0;
    reel_tape_destroy(tape);
    reel_net_destroy(net);
    return zeros;
}

Test(net, gives_no_value_on_a_tape_that_has_failed)
{
    static float images[2 * 3];
    const reel_tensor t = reel_tensor_of(images, REEL_F32, 2, (const int64_t[]){2, 3});
    reel_net *net = new_net(REEL_F32);
    reel_tape *tape;
    reel_net_linear(net, .in = 3, .out = 1);
    build(net);
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK, "%s", err.message);
    const reel_var x = reel_input(tape, &t);
    reel_slice(x, 7, 0, 1);
    const reel_var y = reel_net_forward(net, tape, x);
    cr_expect_lt(y.id, 0, "the input came back in place of the output");
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect_null(strstr(err.message, "Linear"), "the error is not the net's: %s", err.message);
    reel_tape_destroy(tape);
    reel_net_destroy(net);
}

Test(net, the_mode_reaches_every_child)
{
    const int zeros = zeros_after_dropout(true, 0);
    cr_expect(zeros > 400 && zeros < 600, "training: %d of 1000 dropped", zeros);
    cr_expect_eq(zeros_after_dropout(false, 0), 0, "evaluation drops nothing");
}

static void moments(const reel_tensor *t, double *mean, double *deviation, double *largest)
{
    const int64_t n = reel_tensor_numel(t);
    const float *v = t->data;
    double sum = 0, squares = 0, most = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += v[i];
        squares += (double)v[i] * v[i];
        if (fabs(v[i]) > most)
            most = fabs(v[i]);
    }
    *mean = sum / (double)n;
    *deviation = sqrt(squares / (double)n - *mean * *mean);
    *largest = most;
}

static void expect_law(reel_init init, double deviation, double bound)
{
    reel_net *net = new_net(REEL_F32);
    reel_net_conv2d(net, .in = 20, .out = 200, .kernel = 5, .groups = 2, .weight_init = init);
    build(net);
    double mean, dev, most;
    moments(&reel_params_at(reel_net_params(net), 0)->value, &mean, &dev, &most);
    cr_expect_float_eq(mean, init.kind == REEL_INIT_CONSTANT ? init.value : 0,
                       0.05 * deviation + 1e-6, "kind %d: mean %g", init.kind, mean);
    cr_expect_float_eq(dev, deviation, 0.02 * deviation + 1e-6,
                       "kind %d: expected deviation %g, got %g", init.kind, deviation, dev);
    if (bound > 0)
        cr_expect(most <= bound * 1.000001 && most > 0.99 * bound,
                  "kind %d: expected bound %g, got %g", init.kind, bound, most);
    reel_net_destroy(net);
}

Test(net, initialisers_follow_their_formulas)
{
    const double in = 10 * 25, out = 100 * 25;
    expect_law((reel_init){REEL_INIT_DEFAULT, 0}, 1 / sqrt(in) / sqrt(3), 1 / sqrt(in));
    expect_law((reel_init){REEL_INIT_KAIMING_UNIFORM, 0}, sqrt(2 / in), sqrt(6 / in));
    expect_law((reel_init){REEL_INIT_KAIMING_NORMAL, 0}, sqrt(2 / in), 0);
    expect_law((reel_init){REEL_INIT_XAVIER_UNIFORM, 0}, sqrt(2 / (in + out)),
               sqrt(6 / (in + out)));
    expect_law((reel_init){REEL_INIT_XAVIER_NORMAL, 0}, sqrt(2 / (in + out)), 0);
    expect_law((reel_init){REEL_INIT_GAUSSIAN, 0.01}, 0.01, 0);
    expect_law((reel_init){REEL_INIT_GAUSSIAN, -0.01}, 0.01, 0);
    expect_law((reel_init){REEL_INIT_UNIFORM, -0.25}, 0.25 / sqrt(3), 0.25);
    expect_law((reel_init){REEL_INIT_UNIFORM, 0.25}, 0.25 / sqrt(3), 0.25);
    expect_law((reel_init){REEL_INIT_CONSTANT, 0.5}, 0, 0.5);
}

Test(net, initial_values_depend_on_the_seed_and_not_on_threads)
{
    float first[2][27 * 4];
    for (int i = 0; i < 2; i++) {
        reel_ctx *other;
        const reel_ctx_config config = {.seed = 3, .threads = i ? 1 : 2};
        cr_assert_eq(reel_ctx_create(&other, &config, &err), REEL_OK);
        reel_net *net;
        cr_assert_eq(reel_net_create(&net, other, REEL_F32, &err), REEL_OK);
        reel_net_conv2d(net, .in = 3, .out = 4, .kernel = 3);
        build(net);
        memcpy(first[i], reel_params_at(reel_net_params(net), 0)->value.data, sizeof first[i]);
        reel_net_destroy(net);
        reel_ctx_destroy(other);
    }
    cr_expect_arr_eq(first[0], first[1], sizeof first[0]);
}

/* A layer of one's own: y = x * s with one parameter. */
static reel_status scale_setup(reel_module *m, reel_error *e)
{
    const reel_param_config scale = {
        .name = "scale", .ndim = 1, .shape = {1}, .init = {REEL_INIT_CONSTANT, 3}};
    return reel_module_add_param(m, &scale, e);
}

static reel_var scale_forward(const reel_module *m, reel_var x)
{
    return reel_mul(x, reel_module_param(m, x.tape, 0));
}

Test(net, takes_a_module_from_outside)
{
    static const reel_layer scale = {
        .name = "Scale", .setup = scale_setup, .forward = scale_forward};
    reel_net *net = new_net(REEL_F64);
    reel_net_add(net, &scale, NULL);
    build(net);
    double data[2] = {1, 2};
    const reel_tensor x = reel_tensor_of(data, REEL_F64, 1, (const int64_t[]){2});
    reel_tape *tape;
    cr_assert_eq(reel_tape_create(&tape, ctx, &(reel_tape_config){.dtype = REEL_F64}, &err),
                 REEL_OK);
    const reel_var y = reel_net_forward(net, tape, reel_input(tape, &x));
    cr_assert_eq(reel_tape_status(tape, &err), REEL_OK, "%s", err.message);
    cr_expect_float_eq(((double *)reel_value(y).data)[1], 6, 1e-12);
    cr_assert_eq(reel_backward(reel_sum(y, 0, false), &err), REEL_OK, "%s", err.message);
    const reel_param *p = reel_params_find(reel_net_params(net), "0.scale");
    cr_expect(p->has_grad);
    cr_expect_float_eq(*(double *)p->grad.data, 3, 1e-12);
    reel_tape_destroy(tape);
    reel_net_destroy(net);
}
