/* Training a small net step by step as PyTorch did: conv - batch norm - ReLU - LRN - max-pool (ceil
 * mode) - conv in groups - linear, label smoothing 0.1, every update rule. The losses and every
 * parameter after every step, in float64, to 1e-9. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ops.h"
#include "core/tape.h"
#include "optim/optim.h"
#include "tests/support/torch_cases.h"

enum { CONV1_W, CONV1_B, NORM_W, NORM_B, CONV2_W, CONV2_B, LINEAR_W, LINEAR_B, PARAMS, STEPS = 3 };
static const char *const names[PARAMS] = {"conv1.weight",  "conv1.bias",   "norm.weight",
                                          "norm.bias",     "conv2.weight", "conv2.bias",
                                          "linear.weight", "linear.bias"};

typedef struct rule {
    const char *name;
    reel_sgd_config config;
    double lr[STEPS];
} rule;

static const rule rules[] = {
    {"plain", {.momentum = 0}, {0.1, 0.1, 0.1}},
    {"momentum", {.momentum = 0.9}, {0.05, 0.05, 0.05}},
    {"nesterov", {.momentum = 0.9, .nesterov = true, .weight_decay = 0.01}, {0.05, 0.05, 0.05}},
    {"dampening", {.momentum = 0.8, .dampening = 0.3, .weight_decay = 0.005}, {0.1, 0.1, 0.1}},
    {"decay", {.weight_decay = 0.05}, {0.1, 0.1, 0.1}},
    {"paper2012",
     {.momentum = 0.9, .weight_decay = 0.0005, .lr_in_velocity = true},
     {0.05, 0.05, 0.005}},
};

static reel_var net(reel_tape *tape, reel_params *params, reel_var x, const reel_tensor running[2])
{
    reel_var p[PARAMS];
    for (int i = 0; i < PARAMS; i++)
        p[i] = reel_param_var(tape, params, i);
    x = reel_conv2d(x, p[CONV1_W], p[CONV1_B],
                    &(const reel_conv2d_attrs){.padding_h = 1, .padding_w = 1});
    x = reel_batch_norm2d(x, p[NORM_W], p[NORM_B],
                          &(const reel_batch_norm2d_attrs){.running_mean = running[0],
                                                           .running_var = running[1],
                                                           .momentum = 0.1,
                                                           .training = true});
    x = reel_local_response_norm(reel_relu(x), &(const reel_local_response_norm_attrs){
                                                   .size = 3, .alpha = 0.5, .beta = 0.75, .k = 1});
    x = reel_max_pool2d(
        x, &(const reel_pool2d_attrs){
               .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .ceil_mode = true});
    x = reel_conv2d(x, p[CONV2_W], p[CONV2_B],
                    &(const reel_conv2d_attrs){.padding_h = 1, .padding_w = 1, .groups = 2});
    return reel_linear(reel_flatten(x), p[LINEAR_W], p[LINEAR_B]);
}

/* One step; returns the loss it started from. */
static double step(reel_tape *tape, reel_params *params, reel_optimizer *opt, int s, double lr,
                   const reel_tensor running[2])
{
    reel_error err;
    const reel_tensor images = torch_tensor("sgd/batch/%d/images", s),
                      stored = torch_tensor("sgd/batch/%d/labels", s);
    int64_t labels[16];
    for (int64_t i = 0; i < stored.shape[0]; i++)
        labels[i] = (int64_t)reel_tensor_get(&stored, &i);
    const reel_var loss = reel_cross_entropy(
        net(tape, params, reel_input(tape, &images), running), labels, stored.shape[0],
        &(const reel_cross_entropy_attrs){.label_smoothing = 0.1});
    reel_params_zero_grad(params);
    cr_assert(reel_backward(loss, &err) == REEL_OK, "%s", err.message);
    cr_assert(reel_optimizer_step(opt, lr, &err) == REEL_OK, "%s", err.message);
    const reel_tensor value = reel_value(loss);
    const double result = reel_tensor_get(&value, NULL);
    reel_tape_reset(tape);
    return result;
}

static void follow(const rule *r, const reel_ctx *ctx)
{
    reel_error err;
    reel_params *params;
    reel_tape *tape;
    reel_optimizer *opt;
    char what[256];
    double statistics[2][4] = {{0, 0, 0, 0}, {1, 1, 1, 1}};
    const char *kinds[] = {"mean", "var"};
    reel_tensor running[2];
    for (int i = 0; i < 2; i++)
        running[i] = reel_tensor_of(statistics[i], REEL_F64, 1, (const int64_t[]){4});
    cr_assert(reel_params_create(&params, REEL_F64, &err) == REEL_OK, "%s", err.message);
    for (int i = 0; i < PARAMS; i++) {
        const reel_tensor start = torch_tensor("sgd/init/%s", names[i]);
        int index;
        cr_assert(reel_params_add(params, names[i], start.ndim, start.shape, 0, &index, &err) ==
                      REEL_OK,
                  "%s", err.message);
        cr_assert_eq(index, i);
    }
    cr_assert(reel_params_commit(params, &err) == REEL_OK, "%s", err.message);
    for (int i = 0; i < PARAMS; i++) {
        const reel_tensor start = torch_tensor("sgd/init/%s", names[i]);
        reel_tensor_copy(&reel_params_at(params, i)->value, &start);
    }
    cr_assert(reel_tape_create(&tape, ctx, &(const reel_tape_config){.dtype = REEL_F64}, &err) ==
                  REEL_OK,
              "%s", err.message);
    cr_assert(reel_sgd_create(&opt, params, ctx, &r->config, &err) == REEL_OK, "%s", err.message);
    for (int s = 0; s < STEPS; s++) {
        const double loss = step(tape, params, opt, s, r->lr[s], running);
        const reel_tensor want = torch_tensor("sgd/%s/%d/loss", r->name, s);
        cr_assert(fabs(loss - *(double *)want.data) < 1e-10 * loss,
                  "%s, step %d: loss %.17g, PyTorch has %.17g", r->name, s, loss,
                  *(double *)want.data);
        for (int i = 0; i < PARAMS; i++) {
            const reel_tensor after = torch_tensor("sgd/%s/%d/%s", r->name, s, names[i]);
            snprintf(what, sizeof what, "%s, step %d, %s", r->name, s, names[i]);
            torch_compare(what, &reel_params_at(params, i)->value, &after, 1e-9);
        }
    }
    for (int i = 0; i < 2; i++) {
        const reel_tensor after = torch_tensor("sgd/%s/running_%s", r->name, kinds[i]);
        snprintf(what, sizeof what, "%s, running %s", r->name, kinds[i]);
        torch_compare(what, &running[i], &after, 1e-9);
    }
    reel_optimizer_destroy(opt);
    reel_tape_destroy(tape);
    reel_params_destroy(params);
}

Test(trajectories_against_torch, a_small_net_takes_the_same_path_under_every_update_rule)
{
    reel_error err;
    reel_ctx *ctx;
    cr_assert(reel_ctx_create(&ctx, &(const reel_ctx_config){.threads = 2}, &err) == REEL_OK, "%s",
              err.message);
    for (int64_t i = 0; i < REEL_COUNT(rules); i++)
        follow(&rules[i], ctx);
    reel_ctx_destroy(ctx);
}
