/* The plan of a step's memory is what the step then takes, to the byte; and making it computes and
 * touches nothing. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/memory.h"
#include "layers/models.h"
#include "optim/optim.h"

static reel_error err;

static reel_net *net_of(const reel_model *model, int64_t size, const reel_ctx *ctx)
{
    reel_net *net;
    const reel_model_config config = {.classes = 10, .dropout = 0.5, .image_size = size};
    cr_assert_eq(reel_model_create(&net, model, &config, ctx, REEL_F32, &err), REEL_OK, "%s",
                 err.message);
    return net;
}

static reel_ctx *ctx_of(int threads)
{
    reel_ctx *ctx;
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = threads}, &err), REEL_OK, "%s",
                 err.message);
    return ctx;
}

static void expect_same(const char *model, bool training, const char *what, size_t planned,
                        size_t taken)
{
    cr_expect_eq(planned, taken, "%s, %s: %zu bytes of %s planned, %zu taken", model,
                 training ? "training" : "inference", planned, what, taken);
}

static void compare(const reel_model *model, int64_t size, int64_t batch, bool training,
                    int threads)
{
    reel_ctx *ctx = ctx_of(threads);
    reel_net *net = net_of(model, size, ctx);
    reel_tape *tape;
    reel_net_memory plan;
    const int64_t shape[4] = {batch, 3, size, size};
    reel_net_set_training(net, training);
    cr_assert_eq(reel_net_plan(net, shape, training, &plan, &err), REEL_OK, "%s", err.message);
    for (int i = 0; i < reel_params_count(reel_net_params(net)); i++)
        cr_expect_not(reel_params_at(reel_net_params(net), i)->has_grad,
                      "planning left a gradient in parameter %d", i);

    const reel_tape_config config = {.no_grad = !training};
    cr_assert_eq(reel_tape_create(&tape, ctx, &config, &err), REEL_OK, "%s", err.message);
    float *pixels = calloc((size_t)reel_shape_numel(4, shape), sizeof *pixels);
    int64_t *labels = calloc((size_t)batch, sizeof *labels);
    const reel_tensor images = reel_tensor_of(pixels, REEL_F32, 4, shape);
    for (int step = 0; step < 2; step++) {
        const reel_var y = reel_net_forward(net, tape, reel_input(tape, &images));
        cr_assert_eq(training ? reel_backward(reel_cross_entropy(y, labels, batch, NULL), &err)
                              : reel_tape_status(tape, &err),
                     REEL_OK, "%s", err.message);
        reel_params_zero_grad(reel_net_params(net));
        reel_tape_reset(tape);
    }
    const reel_tape_memory used = reel_tape_usage(tape);
    expect_same(model->name, training, "activations", plan.activations, used.activations);
    expect_same(model->name, training, "scratch", plan.scratch, used.scratch);
    expect_same(model->name, training, "the step", plan.step, used.peak);
    cr_expect_leq(used.peak, used.activations + used.scratch + used.activations / 4,
                  "%s: gaps: %zu bytes for %zu and %zu", model->name, used.peak, used.activations,
                  used.scratch);
    free(pixels);
    free(labels);
    reel_tape_destroy(tape);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

Test(plan, a_step_takes_what_was_planned)
{
    for (int training = 0; training < 2; training++) {
        compare(reel_model_find("tiny"), 32, 8, training, 1);
        compare(reel_model_find("tiny"), 40, 3, training, 3);
        compare(reel_model_find("alexnet"), 95, 4, training, 2);
        compare(reel_model_find("alexnet2012"), 99, 2, training, 2);
    }
}

Test(plan, a_step_of_180_gigabytes_is_planned_without_touching_memory)
{
    const size_t room = (size_t)1 << 38;
    void *pages = reel_pages_alloc(room, &err);
    if (!pages)
        cr_skip("there is no address space to plan in (ulimit -v, valgrind)");
    reel_pages_free(pages, room);
    reel_ctx *ctx = ctx_of(2);
    reel_net *net = net_of(reel_model_find("tiny"), 32, ctx);
    reel_net_memory plan, half;
    const int64_t shape[4] = {20000000, 3, 32, 32}, less[4] = {10000000, 3, 32, 32};
    struct rusage before, after;
    cr_assert_eq(reel_net_plan(net, less, true, &half, &err), REEL_OK, "%s", err.message);
    getrusage(RUSAGE_SELF, &before);
    cr_assert_eq(reel_net_plan(net, shape, true, &plan, &err), REEL_OK, "%s", err.message);
    getrusage(RUSAGE_SELF, &after);
    cr_expect_gt(plan.activations, (size_t)1 << 37, "%zu bytes of activations", plan.activations);
    cr_expect_lt(after.ru_maxrss - before.ru_maxrss, 400 << 10, "%ld kB more in memory",
                 after.ru_maxrss - before.ru_maxrss);
    const double ratio = (double)plan.activations / (double)half.activations;
    cr_expect(ratio > 1.99 && ratio < 2.01, "twice the images take %.3f times the memory", ratio);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

Test(plan, frozen_parameters_take_no_gradient)
{
    reel_ctx *ctx = ctx_of(1);
    reel_net *net = net_of(reel_model_find("tiny"), 32, ctx);
    reel_net_memory all, none;
    const int64_t shape[4] = {2, 3, 32, 32};
    cr_assert_eq(reel_net_plan(net, shape, true, &all, &err), REEL_OK, "%s", err.message);
    for (int i = 0; i < reel_params_count(reel_net_params(net)); i++)
        reel_params_at(reel_net_params(net), i)->flags |= REEL_PARAM_FROZEN;
    cr_assert_eq(reel_net_plan(net, shape, true, &none, &err), REEL_OK, "%s", err.message);
    cr_expect_eq(all.gradients, all.parameters);
    cr_expect_eq(none.gradients, 0);
    cr_expect_eq(none.parameters, all.parameters);
    cr_expect_lt(none.activations, all.activations);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

Test(plan, a_shape_that_a_layer_cannot_take_is_refused_by_its_name)
{
    reel_ctx *ctx = ctx_of(1);
    reel_net *net = net_of(reel_model_find("alexnet"), 67, ctx);
    reel_net_memory plan;
    cr_expect_eq(reel_net_plan(net, (const int64_t[]){1, 3, 20, 20}, true, &plan, &err),
                 REEL_ERR_INVALID);
    cr_expect_not_null(strstr(err.message, "features."), "%s", err.message);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}
