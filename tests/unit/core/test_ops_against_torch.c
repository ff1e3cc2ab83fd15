/* Values and gradients of operators against stored ones from PyTorch: float64 to 1e-9, float32 to
 * its own precision. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "core/ops.h"
#include "core/tape.h"
#include "tests/support/torch_cases.h"

typedef struct torch_case {
    const char *name;
    reel_var (*build)(const reel_var *in);
    const char *in[3];
} torch_case;

/* Runs one case on a tape of the given dtype and compares value and gradients. */
static void run_case(const torch_case *c, reel_dtype dtype, double tolerance)
{
    reel_error err;
    reel_ctx *ctx;
    reel_tape *tape;
    cr_assert(reel_ctx_create(&ctx, &(const reel_ctx_config){.threads = 2}, &err) == REEL_OK, "%s",
              err.message);
    cr_assert(reel_tape_create(&tape, ctx, &(const reel_tape_config){.dtype = dtype}, &err) ==
                  REEL_OK,
              "%s", err.message);
    reel_var in[3];
    char what[256];
    for (int i = 0; i < 3 && c->in[i]; i++) {
        const reel_tensor value = torch_tensor("%s/%s", c->name, c->in[i]);
        in[i] = reel_input_grad(tape, &value);
    }
    const reel_tensor weights = torch_tensor("%s/dy", c->name),
                      want = torch_tensor("%s/y", c->name);
    const reel_var y = c->build(in);
    cr_assert(reel_tape_status(tape, &err) == REEL_OK, "%s: %s", c->name, err.message);
    const reel_tensor got = reel_value(y);
    snprintf(what, sizeof what, "%s %s value", c->name, reel_dtype_name(dtype));
    torch_compare(what, &got, &want, tolerance);
    const reel_var loss = reel_sum(reel_mul(y, reel_input(tape, &weights)), 0, false);
    cr_assert(reel_backward(loss, &err) == REEL_OK, "%s: %s", c->name, err.message);
    for (int i = 0; i < 3 && c->in[i]; i++) {
        const reel_tensor grad = reel_grad(in[i]),
                          expected = torch_tensor("%s/d%s", c->name, c->in[i]);
        snprintf(what, sizeof what, "%s %s gradient of %s", c->name, reel_dtype_name(dtype),
                 c->in[i]);
        torch_compare(what, &grad, &expected, tolerance);
    }
    reel_tape_destroy(tape);
    reel_ctx_destroy(ctx);
}

static void run_cases(const torch_case *cases, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        run_case(&cases[i], REEL_F64, 1e-9);
        run_case(
            &cases[i], REEL_F32,
            1e-3); /* of elements down to a thousandth of the largest: about 1e-6 of the largest */
    }
}

#define CONV(name, bias, ...)                                                                      \
    static reel_var name(const reel_var *in)                                                       \
    {                                                                                              \
        return reel_conv2d(in[0], in[1], bias, &(const reel_conv2d_attrs){__VA_ARGS__});           \
    }
CONV(conv_plain, in[2], 0)
CONV(conv_padding, in[2], .padding_h = 2, .padding_w = 2)
CONV(conv_everything, in[2], .stride_h = 2, .stride_w = 1, .padding_h = 2, .padding_w = 1,
     .dilation_h = 2, .dilation_w = 3, .groups = 2)
CONV(conv_depthwise, REEL_NONE, .padding_h = 1, .padding_w = 1, .groups = 4)
CONV(conv_alexnet, in[2], .stride_h = 4, .stride_w = 4, .padding_h = 2, .padding_w = 2)

static reel_var linear(const reel_var *in)
{
    return reel_linear(in[0], in[1], in[2]);
}

Test(ops_against_torch, convolution_and_linear_have_pytorchs_values_and_gradients)
{
    static const torch_case cases[] = {
        {"conv2d/plain", conv_plain, {"x", "w", "b"}},
        {"conv2d/padding", conv_padding, {"x", "w", "b"}},
        {"conv2d/groups_dilation_stride", conv_everything, {"x", "w", "b"}},
        {"conv2d/depthwise", conv_depthwise, {"x", "w"}},
        {"conv2d/pointwise", conv_plain, {"x", "w", "b"}},
        {"conv2d/alexnet_first", conv_alexnet, {"x", "w", "b"}},
        {"linear/bias", linear, {"input", "weight", "bias"}},
    };
    run_cases(cases, REEL_COUNT(cases));
}

#define POOL(kind, name, ...)                                                                      \
    static reel_var kind##_##name(const reel_var *in)                                              \
    {                                                                                              \
        return reel_##kind##_pool2d(in[0], &(const reel_pool2d_attrs){__VA_ARGS__});               \
    }
POOL(max, alexnet, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2)
POOL(max, ceil, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .ceil_mode = true)
POOL(max, padding, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .padding_h = 1,
     .padding_w = 1)
POOL(max, padding_ceil, .kernel_h = 3, .kernel_w = 2, .stride_h = 2, .stride_w = 3, .padding_h = 1,
     .padding_w = 1, .ceil_mode = true)
POOL(avg, plain, .kernel_h = 2, .kernel_w = 2)
POOL(avg, ceil, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .ceil_mode = true)
POOL(avg, padding_ceil, .kernel_h = 3, .kernel_w = 2, .stride_h = 2, .stride_w = 3, .padding_h = 1,
     .padding_w = 1, .ceil_mode = true)
POOL(avg, padding_ceil_exclude, .kernel_h = 3, .kernel_w = 2, .stride_h = 2, .stride_w = 3,
     .padding_h = 1, .padding_w = 1, .ceil_mode = true, .exclude_padding = true)
POOL(avg, padding_exclude, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2,
     .padding_h = 1, .padding_w = 1, .exclude_padding = true)

#define ADAPTIVE(h, w)                                                                             \
    static reel_var adaptive_##h##x##w(const reel_var *in)                                         \
    {                                                                                              \
        return reel_adaptive_avg_pool2d(in[0], h, w);                                              \
    }
ADAPTIVE(3, 3)
ADAPTIVE(6, 6)
ADAPTIVE(2, 3)

static reel_var global_avg(const reel_var *in)
{
    return reel_global_avg_pool(in[0]);
}

static reel_var global_max(const reel_var *in)
{
    return reel_global_max_pool(in[0]);
}

Test(ops_against_torch, pooling_has_pytorchs_windows_divisors_and_choice_among_equals)
{
    static const torch_case cases[] = {
        {"max_pool2d/alexnet", max_alexnet, {"x"}},
        {"max_pool2d/ceil", max_ceil, {"x"}},
        {"max_pool2d/padding_ceil", max_padding_ceil, {"x"}},
        {"max_pool2d/ties", max_padding, {"x"}},
        {"avg_pool2d/plain", avg_plain, {"x"}},
        {"avg_pool2d/ceil", avg_ceil, {"x"}},
        {"avg_pool2d/padding_ceil", avg_padding_ceil, {"x"}},
        {"avg_pool2d/padding_ceil_exclude", avg_padding_ceil_exclude, {"x"}},
        {"avg_pool2d/padding_exclude", avg_padding_exclude, {"x"}},
        {"adaptive_avg_pool2d/7_to_3", adaptive_3x3, {"x"}},
        {"adaptive_avg_pool2d/2_to_6", adaptive_6x6, {"x"}},
        {"adaptive_avg_pool2d/5x4_to_2x3", adaptive_2x3, {"x"}},
        {"global_avg_pool/plain", global_avg, {"x"}},
        {"global_max_pool/ties", global_max, {"x"}},
    };
    run_cases(cases, REEL_COUNT(cases));
}

#define LRN(name, ...)                                                                             \
    static reel_var lrn_##name(const reel_var *in)                                                 \
    {                                                                                              \
        return reel_local_response_norm(in[0],                                                     \
                                        &(const reel_local_response_norm_attrs){__VA_ARGS__});     \
    }
LRN(five, .size = 5, .alpha = 2, .beta = 0.75, .k = 2)
LRN(four, .size = 4, .alpha = 1.5, .beta = 0.75, .k = 1)
LRN(few_channels, .size = 5, .alpha = 1, .beta = 0.6, .k = 1)
LRN(defaults, 0)

Test(ops_against_torch, local_response_norm_has_pytorchs_values_and_gradients)
{
    static const torch_case cases[] = {
        {"local_response_norm/five", lrn_five, {"x"}},
        {"local_response_norm/four", lrn_four, {"x"}},
        {"local_response_norm/few_channels", lrn_few_channels, {"x"}},
        {"local_response_norm/defaults", lrn_defaults, {"x"}},
    };
    run_cases(cases, REEL_COUNT(cases));
}

Test(ops_against_torch, local_response_norm_with_the_papers_alpha_is_size_times_stronger)
{
    reel_error err;
    reel_ctx *ctx;
    reel_tape *tape;
    cr_assert(reel_ctx_create(&ctx, NULL, &err) == REEL_OK, "%s", err.message);
    cr_assert(reel_tape_create(&tape, ctx, &(const reel_tape_config){.dtype = REEL_F64}, &err) ==
                  REEL_OK,
              "%s", err.message);
    const reel_tensor x = torch_tensor("local_response_norm/five/x"),
                      want = torch_tensor("local_response_norm/five/y");
    const reel_tensor got = reel_value(reel_local_response_norm(
        reel_input(tape, &x), &(const reel_local_response_norm_attrs){
                                  .size = 5, .alpha = 0.4, .beta = 0.75, .k = 2, .paper = true}));
    torch_compare("alpha 0.4 as printed against alpha 2 / 5", &got, &want, 1e-9);
    reel_tape_destroy(tape);
    reel_ctx_destroy(ctx);
}

static reel_var gelu(const reel_var *in)
{
    return reel_gelu(in[0]);
}

static reel_var gelu_tanh(const reel_var *in)
{
    return reel_gelu_tanh(in[0]);
}

static reel_var silu(const reel_var *in)
{
    return reel_silu(in[0]);
}

static reel_var hardswish(const reel_var *in)
{
    return reel_hardswish(in[0]);
}

static reel_var hardsigmoid(const reel_var *in)
{
    return reel_hardsigmoid(in[0]);
}

Test(ops_against_torch, activations_have_pytorchs_values_and_gradients_at_corners_too)
{
    static const torch_case cases[] = {
        {"gelu/none", gelu, {"input"}},
        {"gelu/tanh", gelu_tanh, {"input"}},
        {"silu/plain", silu, {"input"}},
        {"hardswish/plain", hardswish, {"input"}},
        {"hardsigmoid/plain", hardsigmoid, {"input"}},
    };
    run_cases(cases, REEL_COUNT(cases));
}

#define GROUP_NORM(name, ...)                                                                      \
    static reel_var group_norm_##name(const reel_var *in)                                          \
    {                                                                                              \
        return reel_group_norm(in[0], in[1], in[2], &(const reel_group_norm_attrs){__VA_ARGS__});  \
    }
GROUP_NORM(two, .groups = 2)
GROUP_NORM(eps, .groups = 4, .eps = 0.3)
GROUP_NORM(three, .groups = 3)

static reel_var group_norm_plain(const reel_var *in)
{
    return reel_group_norm(in[0], REEL_NONE, REEL_NONE,
                           &(const reel_group_norm_attrs){.groups = 2});
}

static reel_var scale(const reel_var *in)
{
    return reel_scale_channels(in[0], in[1]);
}

Test(ops_against_torch, group_norm_and_scaled_channels_have_pytorchs_values_and_gradients)
{
    static const torch_case cases[] = {
        {"group_norm/two_groups", group_norm_two, {"x", "gamma", "beta"}},
        {"group_norm/large_eps", group_norm_eps, {"x", "gamma", "beta"}},
        {"group_norm/features", group_norm_three, {"x", "gamma", "beta"}},
        {"group_norm/plain", group_norm_plain, {"x"}},
        {"scale_channels/plain", scale, {"x", "s"}},
    };
    run_cases(cases, REEL_COUNT(cases));
}

static reel_tensor running[2]; /* of the batch norm case that runs */
static bool norm_training;

static reel_var norm(const reel_var *in)
{
    return reel_batch_norm2d(in[0], in[1], in[2],
                             &(const reel_batch_norm2d_attrs){.running_mean = running[0],
                                                              .running_var = running[1],
                                                              .momentum = 0.1,
                                                              .eps = 1e-5,
                                                              .training = norm_training});
}

static void run_norm(const char *name, bool training, reel_dtype dtype, double tolerance)
{
    double memory[2][3];
    const char *kinds[] = {"mean", "var"};
    char what[256];
    for (int i = 0; i < 2; i++) {
        const reel_tensor before = torch_tensor("%s/running_%s", name, kinds[i]);
        running[i] = reel_tensor_of(memory[i], dtype, 1, before.shape);
        reel_tensor_copy(&running[i], &before);
    }
    norm_training = training;
    run_case(&(const torch_case){name, norm, {"x", "gamma", "beta"}}, dtype, tolerance);
    for (int i = 0; i < 2; i++) {
        const reel_tensor after = torch_tensor("%s/running_%s_after", name, kinds[i]);
        snprintf(what, sizeof what, "%s %s running %s", name, reel_dtype_name(dtype), kinds[i]);
        torch_compare(what, &running[i], &after, tolerance);
    }
}

Test(ops_against_torch, batch_norm_trains_evaluates_and_keeps_statistics_as_pytorch)
{
    run_norm("batch_norm2d/training", true, REEL_F64, 1e-9);
    run_norm("batch_norm2d/training", true, REEL_F32, 1e-3);
    run_norm("batch_norm2d/evaluation", false, REEL_F64, 1e-9);
    run_norm("batch_norm2d/evaluation", false, REEL_F32, 1e-3);
}

static const double class_weights[] = {0.5, 2.0, 1.25, 0.1, 3.0};

#define LOSS(name, ...)                                                                            \
    static reel_var loss_##name(const reel_var *in)                                                \
    {                                                                                              \
        return reel_cross_entropy(in[0], (const int64_t[]){2, 0, 4, 2, 1, 3}, 6,                   \
                                  &(const reel_cross_entropy_attrs){__VA_ARGS__});                 \
    }
LOSS(plain, 0)
LOSS(sum, .sum = true)
LOSS(smoothing, .label_smoothing = 0.1)
LOSS(weights, .class_weights = class_weights)
LOSS(ignore, .ignore_index = 2, .use_ignore_index = true)
LOSS(smoothing_weights, .label_smoothing = 0.2, .class_weights = class_weights)
LOSS(smoothing_ignore, .label_smoothing = 0.2, .ignore_index = 2, .use_ignore_index = true)
LOSS(smoothing_weights_ignore, .label_smoothing = 0.2, .class_weights = class_weights,
     .ignore_index = 2, .use_ignore_index = true)
LOSS(smoothing_weights_ignore_sum, .label_smoothing = 0.2, .class_weights = class_weights,
     .ignore_index = 2, .use_ignore_index = true, .sum = true)

Test(ops_against_torch, cross_entropy_mixes_smoothing_weights_and_ignored_labels_as_pytorch)
{
    static const torch_case cases[] = {
        {"cross_entropy/plain", loss_plain, {"x"}},
        {"cross_entropy/sum", loss_sum, {"x"}},
        {"cross_entropy/smoothing", loss_smoothing, {"x"}},
        {"cross_entropy/weights", loss_weights, {"x"}},
        {"cross_entropy/ignore", loss_ignore, {"x"}},
        {"cross_entropy/smoothing_weights", loss_smoothing_weights, {"x"}},
        {"cross_entropy/smoothing_ignore", loss_smoothing_ignore, {"x"}},
        {"cross_entropy/smoothing_weights_ignore", loss_smoothing_weights_ignore, {"x"}},
        {"cross_entropy/smoothing_weights_ignore_sum", loss_smoothing_weights_ignore_sum, {"x"}},
    };
    run_cases(cases, REEL_COUNT(cases));
}

#define SOFT_LOSS(name, ...)                                                                       \
    static reel_var soft_loss_##name(const reel_var *in)                                           \
    {                                                                                              \
        const reel_tensor targets = torch_tensor("cross_entropy_soft/%s/targets", #name);          \
        return reel_cross_entropy_soft(in[0], &targets,                                            \
                                       &(const reel_cross_entropy_attrs){__VA_ARGS__});            \
    }
SOFT_LOSS(plain, 0)
SOFT_LOSS(sum, .sum = true)
SOFT_LOSS(smoothing, .label_smoothing = 0.1)
SOFT_LOSS(weights, .class_weights = class_weights)
SOFT_LOSS(smoothing_weights, .label_smoothing = 0.2, .class_weights = class_weights)
SOFT_LOSS(smoothing_weights_sum, .label_smoothing = 0.2, .class_weights = class_weights,
          .sum = true)

Test(ops_against_torch, cross_entropy_takes_probabilities_as_pytorch)
{
    static const torch_case cases[] = {
        {"cross_entropy_soft/plain", soft_loss_plain, {"x"}},
        {"cross_entropy_soft/sum", soft_loss_sum, {"x"}},
        {"cross_entropy_soft/smoothing", soft_loss_smoothing, {"x"}},
        {"cross_entropy_soft/weights", soft_loss_weights, {"x"}},
        {"cross_entropy_soft/smoothing_weights", soft_loss_smoothing_weights, {"x"}},
        {"cross_entropy_soft/smoothing_weights_sum", soft_loss_smoothing_weights_sum, {"x"}},
    };
    run_cases(cases, REEL_COUNT(cases));
}
