/* Training a small net step by step as PyTorch did: conv - batch norm - ReLU - LRN - max-pool (ceil
 * mode) - conv in groups - linear, label smoothing 0.1, under every rule of SGD and every optimizer
 * of torch.optim; with groups, a frozen layer and clipping. The losses and every parameter after
 * every step, in float64, to 1e-9. */
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

enum { MOST_SET = 3 };

typedef struct rule {
    const char *name; /* of the stored numbers */
    const char *optimizer;
    const char *options[MOST_SET][2]; /* those that are set */
    double lr[STEPS];
    bool groups; /* and clipping */
} rule;

static const rule rules[] = {
    {"sgd/plain", "sgd", {{"momentum", "0"}, {"weight-decay", "0"}}, .lr = {0.1, 0.1, 0.1}},
    {"sgd/momentum", "sgd", {{"momentum", "0.9"}, {"weight-decay", "0"}}, .lr = {0.05, 0.05, 0.05}},
    {"sgd/nesterov",
     "sgd",
     {{"momentum", "0.9"}, {"nesterov", "true"}, {"weight-decay", "0.01"}},
     .lr = {0.05, 0.05, 0.05}},
    {"sgd/dampening",
     "sgd",
     {{"momentum", "0.8"}, {"dampening", "0.3"}, {"weight-decay", "0.005"}},
     .lr = {0.1, 0.1, 0.1}},
    {"sgd/decay", "sgd", {{"momentum", "0"}, {"weight-decay", "0.05"}}, .lr = {0.1, 0.1, 0.1}},
    {"sgd/paper2012",
     "sgd",
     {{"momentum", "0.9"}, {"weight-decay", "0.0005"}, {"lr-in-velocity", "true"}},
     .lr = {0.05, 0.05, 0.005}},
    {"net/adam", "adam", {{"weight-decay", "0.05"}}, .lr = {0.01, 0.01, 0.01}},
    {"net/adamw", "adamw", {{"weight-decay", "0.05"}}, .lr = {0.01, 0.01, 0.01}},
    {"net/rmsprop",
     "rmsprop",
     {{"momentum", "0.9"}, {"weight-decay", "0.05"}},
     .lr = {0.001, 0.001, 0.001}},
    {"net/groups", "adamw", {{"weight-decay", "0.05"}}, .lr = {0.01, 0.01, 0.01}, .groups = true},
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
static double step(reel_tape *tape, reel_params *params, reel_optimizer *opt, int s, const rule *r,
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
    if (r->groups)
        reel_clip_grad_norm(params, reel_tape_ctx(tape), 0.5);
    cr_assert(reel_optimizer_step(opt, r->lr[s], &err) == REEL_OK, "%s", err.message);

    const reel_tensor value = reel_value(loss);
    const double result = reel_tensor_get(&value, NULL);
    reel_tape_reset(tape);
    return result;
}

static reel_params *stored_params(void)
{
    reel_error err;
    reel_params *params;
    cr_assert(reel_params_create(&params, REEL_F64, &err) == REEL_OK, "%s", err.message);
    for (int i = 0; i < PARAMS; i++) {
        const reel_tensor start = torch_tensor("sgd/init/%s", names[i]);
        const bool bias = strstr(names[i], "bias") != NULL, norm = strstr(names[i], "norm") != NULL;
        const unsigned flags = (bias ? REEL_PARAM_BIAS : 0u) | (norm ? REEL_PARAM_NORM : 0u);
        int index;
        cr_assert(reel_params_add(params, names[i], start.ndim, start.shape, flags, &index, &err) ==
                      REEL_OK,
                  "%s", err.message);
        cr_assert_eq(index, i);
    }
    cr_assert(reel_params_commit(params, &err) == REEL_OK, "%s", err.message);
    for (int i = 0; i < PARAMS; i++) {
        const reel_tensor start = torch_tensor("sgd/init/%s", names[i]);
        reel_tensor_copy(&reel_params_at(params, i)->value, &start);
    }
    return params;
}

static reel_optimizer *make_rule(const rule *r, reel_params *params, const reel_ctx *ctx)
{
    reel_error err;
    reel_optimizer *opt;
    reel_optimizer_config config = reel_optimizer_config_default(reel_optimizer_find(r->optimizer));
    for (int i = 0; i < MOST_SET && r->options[i][0]; i++)
        cr_assert(reel_optimizer_config_set(&config, r->options[i][0], r->options[i][1], &err) ==
                      REEL_OK,
                  "%s", err.message);
    cr_assert(reel_optimizer_create(&opt, params, ctx, &config, &err) == REEL_OK, "%s",
              err.message);
    if (!r->groups)
        return opt;

    /* torchvision's --norm-weight-decay 0.2, --bias-weight-decay 0.1; a rate of its own; frozen. */
    static const reel_group quick = {"linear.weight", 2, 1, false},
                            still = {"conv2.weight", 1, 1, true};
    cr_assert_eq(reel_optimizer_set_weight_decay(opt, REEL_PARAM_NORM, 0.2, &err), REEL_OK);
    cr_assert_eq(reel_optimizer_set_weight_decay(opt, REEL_PARAM_BIAS, 0.1, &err), REEL_OK);
    cr_assert_eq(reel_optimizer_group(opt, &quick, &err), REEL_OK);
    cr_assert_eq(reel_optimizer_group(opt, &still, &err), REEL_OK);
    return opt;
}

static void compare_step(const rule *r, int s, double loss, const reel_params *params)
{
    char what[256];
    const reel_tensor want = torch_tensor("%s/%d/loss", r->name, s);
    cr_assert(fabs(loss - *(double *)want.data) < 1e-10 * loss,
              "%s, step %d: loss %.17g, PyTorch has %.17g", r->name, s, loss, *(double *)want.data);
    for (int i = 0; i < PARAMS; i++) {
        const reel_tensor after = torch_tensor("%s/%d/%s", r->name, s, names[i]);
        snprintf(what, sizeof what, "%s, step %d, %s", r->name, s, names[i]);
        torch_compare(what, &reel_params_at(params, i)->value, &after, 1e-9);
    }
}

static void follow(const rule *r, const reel_ctx *ctx)
{
    static const char *const kinds[] = {"mean", "var"};
    double statistics[2][4] = {{0, 0, 0, 0}, {1, 1, 1, 1}};
    reel_tensor running[2];
    for (int i = 0; i < 2; i++)
        running[i] = reel_tensor_of(statistics[i], REEL_F64, 1, (const int64_t[]){4});

    reel_error err;
    reel_tape *tape;
    reel_params *params = stored_params();
    reel_optimizer *opt = make_rule(r, params, ctx);
    cr_assert(reel_tape_create(&tape, ctx, &(const reel_tape_config){.dtype = REEL_F64}, &err) ==
                  REEL_OK,
              "%s", err.message);
    for (int s = 0; s < STEPS; s++)
        compare_step(r, s, step(tape, params, opt, s, r, running), params);

    for (int i = 0; i < 2; i++) {
        char what[256];
        const reel_tensor after = torch_tensor("%s/running_%s", r->name, kinds[i]);
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
