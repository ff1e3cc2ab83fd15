/* A net that computes values again: the same bits, in as much memory as was planned. */
#include <stdlib.h>
#include <string.h>

#include "core/ops.h"
#include "layers/models.h"
#include "layers/recompute.h"
#include "optim/optim.h"
#include "tests/unit/layers/net_test.h"

TestSuite(recompute, .init = setup, .fini = teardown);

enum { CLASSES = 5, BATCH = 3, STEPS = 2 };

/* A small net with a large linear layer and dropout, as AlexNet has them. */
static reel_net *wide_net(int64_t size)
{
    reel_net *net = new_net(REEL_F32);
    reel_net_conv2d(net, .in = 3, .out = 16, .kernel = 3, .padding = 1);
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 2, .stride = 2);
    for (int i = 0; i < 3; i++) {
        reel_net_conv2d(net, .in = 16, .out = 16, .kernel = 3, .padding = 1);
        reel_net_relu(net);
    }
    reel_net_flatten(net);
    reel_net_dropout(net, .p = 0.5);
    reel_net_linear(net, .in = 4 * size * size, .out = 128);
    reel_net_relu(net);
    reel_net_dropout(net, .p = 0.5);
    reel_net_linear(net, .in = 128, .out = CLASSES);
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
    reel_net_init(net);
    return net;
}

static reel_net *net_of(const char *model, int64_t size)
{
    reel_net *net;
    if (!strcmp(model, "wide"))
        return wide_net(size);
    reel_model_config config = reel_model_config_default(reel_model_find(model));
    config.classes = CLASSES;
    config.image_size = size;
    config.dropout = 0.4;
    cr_assert_eq(reel_model_create(&net, reel_model_find(model), &config, ctx, REEL_F32, &err),
                 REEL_OK, "%s", err.message);
    return net;
}

/* Trains for a few steps on drawn images; returns the tape's memory. */
static reel_tape_memory train_net(reel_net *net, int64_t size)
{
    static const int64_t labels[BATCH] = {4, 0, 2};
    const reel_sgd_config sgd = {.momentum = 0.9};
    const int64_t shape[4] = {BATCH, 3, size, size}, n = reel_shape_numel(4, shape);
    reel_tape *tape;
    reel_optimizer *opt;
    float *pixels = malloc((size_t)n * sizeof *pixels);
    cr_assert(pixels);
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK);
    cr_assert_eq(reel_sgd_create(&opt, reel_net_params(net), ctx, &sgd, &err), REEL_OK);

    for (int step = 0; step < STEPS; step++) {
        reel_rng rng = reel_rng_at(7, REEL_STREAM_CHECK, 0, (uint32_t)step);
        for (int64_t i = 0; i < n; i++)
            pixels[i] = (float)reel_rng_normal(&rng);
        const reel_tensor images = reel_tensor_of(pixels, REEL_F32, 4, shape);
        reel_tape_set_step(tape, step);
        const reel_var y = reel_net_forward(net, tape, reel_input(tape, &images));
        const reel_var loss = reel_cross_entropy(y, labels, BATCH, NULL);
        cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
        cr_assert_eq(reel_optimizer_step(opt, 0.01, &err), REEL_OK, "%s", err.message);
        if (step + 1 < STEPS)
            reel_net_forget_gradients(net);
        reel_tape_reset(tape);
    }
    const reel_tape_memory used = reel_tape_usage(tape);
    reel_optimizer_destroy(opt);
    reel_tape_destroy(tape);
    free(pixels);
    return used;
}

/* Values, running statistics and the last gradients. */
static void expect_same_bits(const char *model, const reel_net *a, const reel_net *b)
{
    const reel_params *p = reel_net_params(a), *q = reel_net_params(b);
    for (int i = 0; i < reel_params_count(p); i++) {
        const reel_param *x = reel_params_at(p, i), *y = reel_params_at(q, i);
        const size_t bytes = reel_tensor_bytes(&x->value);
        cr_expect_eq(memcmp(x->value.data, y->value.data, bytes), 0, "%s: %s has other bits", model,
                     x->name);
        cr_expect_eq(x->has_grad, y->has_grad);
        if (x->has_grad)
            cr_expect_eq(memcmp(x->grad.data, y->grad.data, bytes), 0,
                         "%s: the gradient of %s has other bits", model, x->name);
    }
}

/* share: where the limit lies between the least that is possible (0) and what it takes without. */
static reel_saving expect_fits(const char *model, int64_t size, double share, bool stay)
{
    reel_net *plain = net_of(model, size), *fitted = net_of(model, size);
    const int64_t shape[4] = {BATCH, 3, size, size};
    reel_saving s;
    cr_assert_eq(reel_net_fit(fitted, shape, 0, stay, &s, &err), REEL_ERR_MEMORY);
    const size_t limit = s.least + (size_t)(share * (double)(s.before - s.least));
    cr_assert_eq(reel_net_fit(fitted, shape, limit, stay, &s, &err), REEL_OK, "%s: %s", model,
                 err.message);
    cr_expect_leq(s.after, limit);
    cr_expect(s.dropped > 0 || s.late_gradients || share >= 1);

    train_net(plain, size);
    const reel_tape_memory used = train_net(fitted, size);
    expect_same_bits(model, plain, fitted);
    if (!stay)
        cr_expect_eq(used.with_gradients, s.after, "%s: planned %zu bytes, used %zu", model,
                     s.after, used.with_gradients);
    reel_net_destroy(plain);
    reel_net_destroy(fitted);
    return s;
}

Test(recompute, gives_the_same_bits_in_the_memory_that_was_planned)
{
    static const struct {
        const char *model;
        int64_t size;
        double share;
    } uses[] = {{"tiny", 32, 0},
                {"tiny", 32, 1},
                {"resnet18", 32, 0},
                {"wide", 32, 0},
                {"mobilenet_v2", 32, 0.2}};
    for (int i = 0; i < REEL_COUNT(uses); i++)
        expect_fits(uses[i].model, uses[i].size, uses[i].share, false);
}

Test(recompute, with_gradients_that_stay_defers_none)
{
    const reel_saving s = expect_fits("wide", 32, 0.3, true);
    cr_expect_not(s.late_gradients);
    cr_expect_gt(s.dropped, 0);
    cr_expect_gt(s.more_multiply_adds, 0);
}

Test(recompute, large_gradients_come_last_where_that_is_enough)
{
    const reel_saving s = expect_fits("wide", 32, 0.9, false);
    cr_expect(s.late_gradients);
    cr_expect_eq(s.dropped, 0);
    cr_expect_eq(s.more_multiply_adds, 0);
}

Test(recompute, of_less_than_is_possible_is_refused_and_changes_nothing)
{
    reel_net *plain = net_of("squeezenet1_1", 64), *refused = net_of("squeezenet1_1", 64);
    const int64_t shape[4] = {BATCH, 3, 64, 64};
    reel_saving s;
    cr_assert_eq(reel_net_fit(refused, shape, 1000, false, &s, &err), REEL_ERR_MEMORY);
    cr_expect_gt(s.least, 1000);
    cr_assert_eq(reel_net_fit(refused, shape, s.least - 1, false, NULL, &err), REEL_ERR_MEMORY);
    const reel_tape_memory a = train_net(plain, 64), b = train_net(refused, 64);
    expect_same_bits("squeezenet1_1", plain, refused);
    cr_expect_eq(a.with_gradients, b.with_gradients);

    /* And a choice can be taken back. */
    cr_assert_eq(reel_net_fit(refused, shape, s.least, false, NULL, &err), REEL_OK);
    reel_net_unfit(refused);
    cr_expect_eq(train_net(refused, 64).with_gradients, a.with_gradients);
    reel_net_destroy(plain);
    reel_net_destroy(refused);
}
