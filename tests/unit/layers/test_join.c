/* Joins: names, values, errors, and what the memory plan makes of them. */
#include <string.h>

#include "core/ops.h"
#include "tests/unit/layers/net_test.h"

TestSuite(join, .init = setup, .fini = teardown);

/* relu(conv(x) + x), then x beside a pooled x: names count on across the joins. */
static reel_net *joined_net(int64_t out)
{
    reel_net *net = new_net(REEL_F32);
    reel_net_begin(net, "features");
    reel_net_begin_join(net, REEL_JOIN_ADD);
    reel_net_begin_branch(net);
    reel_net_conv2d(net, .in = 2, .out = out, .kernel = 3, .padding = 1);
    reel_net_end(net);
    reel_net_begin_branch(net);
    reel_net_end(net);
    reel_net_end(net);
    reel_net_relu(net);
    reel_net_begin_join(net, REEL_JOIN_CONCAT);
    reel_net_begin_branch(net);
    reel_net_end(net);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 1, .padding = 1);
    reel_net_conv2d(net, .name = "last", .in = out, .out = 1, .kernel = 1);
    reel_net_end(net);
    reel_net_end(net);
    return net;
}

/* What a convolution gives for x, each channel times its mean. */
static reel_net *scaled_net(void)
{
    reel_net *net = new_net(REEL_F32);
    reel_net_conv2d(net, .in = 2, .out = 2, .kernel = 1, .no_bias = true);
    reel_net_begin_join(net, REEL_JOIN_SCALE);
    reel_net_adaptive_avg_pool2d(net, .height = 1);
    reel_net_begin_branch(net);
    reel_net_end(net);
    reel_net_end(net);
    return net;
}

static reel_var run_on(reel_net *net, reel_tape *tape, const float *pixels)
{
    const reel_tensor x =
        reel_tensor_of((void *)(uintptr_t)pixels, REEL_F32, 4, (const int64_t[]){1, 2, 2, 2});
    return reel_net_forward(net, tape, reel_input(tape, &x));
}

Test(join, is_no_part_of_names_and_adds_what_its_branches_give)
{
    static const float pixels[] = {1, 2, 3, 4, 5, 6, 7, 8};
    reel_net *net = joined_net(2);
    reel_tape *tape;
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
    const reel_params *params = reel_net_params(net);
    static const char *const names[] = {"features.0.weight", "features.0.bias",
                                        "features.last.weight", "features.last.bias"};
    cr_assert_eq(reel_params_count(params), 4);
    for (int i = 0; i < 4; i++) {
        const reel_param *p = reel_params_at(params, i);
        cr_expect_str_eq(p->name, names[i]);
        memset(p->value.data, 0, reel_tensor_bytes(&p->value));
    }

    /* The convolutions give 0: the sum is x, and so is the first part of the concatenation. */
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK);
    const reel_var y = run_on(net, tape, pixels);
    cr_assert_eq(reel_tape_status(tape, &err), REEL_OK, "%s", err.message);
    const reel_tensor value = reel_value(y);
    cr_assert_eq(value.shape[1], 5);
    for (int pixel = 0; pixel < 4; pixel++) {
        const float *at = (const float *)value.data + pixel * 5;
        cr_expect_eq(at[0], pixels[2 * pixel]);
        cr_expect_eq(at[1], pixels[2 * pixel + 1]);
        cr_expect_eq(at[2], 7);
        cr_expect_eq(at[3], 8);
        cr_expect_eq(at[4], 0);
    }
    reel_tape_destroy(tape);
    reel_net_destroy(net);
}

Test(join, of_different_sizes_names_both)
{
    static const float pixels[8] = {0};
    reel_net *net = joined_net(3);
    reel_tape *tape;
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
    reel_net_init(net);
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK);
    run_on(net, tape, pixels);
    cr_expect_eq(reel_tape_status(tape, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "features.add: expected branches of one size, got features.0 "
                                  "(3 x 2 x 2) and its input (2 x 2 x 2)"),
              "%s", err.message);
    reel_tape_destroy(tape);
    reel_net_destroy(net);
}

Test(join, scales_each_channel_of_its_input_by_a_factor)
{
    static const float pixels[] = {1, 2, 3, 4, 5, 6, 7, 8}; /* means: 4 and 5 */
    static const float identity[] = {1, 0, 0, 1};
    reel_net *net = scaled_net();
    reel_tape *tape;
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
    memcpy(reel_params_at(reel_net_params(net), 0)->value.data, identity, sizeof identity);
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK);
    const reel_var y = run_on(net, tape, pixels);
    cr_assert_eq(reel_tape_status(tape, &err), REEL_OK, "%s", err.message);
    const reel_tensor value = reel_value(y);
    for (int i = 0; i < 8; i++)
        cr_expect_eq(((const float *)value.data)[i], pixels[i] * (i % 2 ? 5 : 4));
    reel_tape_destroy(tape);
    reel_net_destroy(net);
}

Test(join, that_scales_has_a_branch_of_layers_and_one_without)
{
    for (int wrong = 0; wrong < 3; wrong++) {
        reel_net *net = new_net(REEL_F32);
        reel_net_begin_join(net, REEL_JOIN_SCALE);
        for (int branch = 0; branch < (wrong == 0 ? 1 : 2); branch++)
            if (wrong < 2 && branch != wrong) {
                reel_net_begin_branch(net);
                reel_net_end(net);
            } else {
                reel_net_relu(net);
            }
        reel_net_end(net);
        cr_expect_eq(reel_net_build(net, &err), REEL_ERR_INVALID, "%d", wrong);
        cr_expect(strstr(err.message, "scale: expected a branch of layers and a branch without"),
                  "%d: %s", wrong, err.message);
        reel_net_destroy(net);
    }
}

/* Values go when their last reader has read them: as much memory as the plan says. */
Test(join, takes_the_memory_that_is_planned)
{
    const int64_t input[4] = {1, 2, 2, 2};
    static const float pixels[8] = {1, 2, 3};
    for (int use = 0; use < 4; use++) {
        const bool training = use % 2;
        reel_net *net = use < 2 ? joined_net(2) : scaled_net();
        reel_net_memory plan;
        reel_tape *tape;
        cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
        reel_net_init(net);
        reel_net_set_training(net, training);
        cr_assert_eq(reel_net_plan(net, input, training, &plan, &err), REEL_OK, "%s", err.message);

        const reel_tape_config config = {.dtype = REEL_F32, .no_grad = !training};
        cr_assert_eq(reel_tape_create(&tape, ctx, &config, &err), REEL_OK);
        const reel_var y = run_on(net, tape, pixels);
        if (training)
            cr_assert_eq(reel_backward(reel_mean_all(y), &err), REEL_OK, "%s", err.message);
        cr_expect_eq(reel_tape_usage(tape).peak, plan.step, "training %d: planned %zu, used %zu",
                     training, plan.step, reel_tape_usage(tape).peak);
        reel_tape_destroy(tape);
        reel_net_destroy(net);
    }
}

Test(join, without_branches_or_outside_of_one_is_an_error)
{
    reel_net *net = new_net(REEL_F32);
    reel_net_begin_join(net, REEL_JOIN_ADD);
    reel_net_end(net);
    cr_expect_eq(reel_net_build(net, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "add: expected a branch or more"), "%s", err.message);
    reel_net_destroy(net);

    net = new_net(REEL_F32);
    reel_net_begin_branch(net);
    cr_expect_eq(reel_net_build(net, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "outside of a join"), "%s", err.message);
    reel_net_destroy(net);

    net = new_net(REEL_F32);
    for (int depth = 0; depth < 20; depth++)
        reel_net_begin_join(net, REEL_JOIN_ADD);
    cr_expect_eq(reel_net_build(net, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "inside one another"), "%s", err.message);
    reel_net_destroy(net);
}
