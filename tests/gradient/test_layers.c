/* Every kind of layer, and a small AlexNet end to end with all of them, against central differences
 * in float64. */
#include <criterion/criterion.h>
#include <string.h>

#include "layers/gradcheck.h"
#include "layers/models.h"

static void check(const char *what, void (*add)(reel_net *), const int64_t input[4], bool training)
{
    reel_error err;
    reel_ctx *ctx;
    reel_net *net;
    reel_gradcheck_report report;
    const reel_ctx_config config = {.threads = 1, .seed = 7};
    cr_assert_eq(reel_ctx_create(&ctx, &config, &err), REEL_OK);
    cr_assert_eq(reel_net_create(&net, ctx, REEL_F64, &err), REEL_OK);
    add(net);
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s: %s", what, err.message);
    reel_net_init(net);
    reel_net_set_training(net, training);
    const reel_status status =
        reel_net_gradcheck(net, input, &(reel_gradcheck_config){.max_elements = 60}, &report, &err);
    cr_assert_eq(status, REEL_OK, "%s: %s", what, err.message);
    cr_expect(report.passed, "%s: %s", what, report.message);
    cr_expect_gt(report.checked, 20, "%s: only %ld elements were compared", what,
                 (long)report.checked);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

static void add_conv(reel_net *net)
{
    reel_net_conv2d(net, .in = 4, .out = 6, .kernel = 3, .stride = 2, .padding = 1, .groups = 2);
}

static void add_conv_dilated(reel_net *net)
{
    reel_net_conv2d(net, .in = 3, .out = 4, .kernel = 3, .kernel_w = 2, .padding_h = 2,
                    .dilation = 2, .no_bias = true);
}

static void add_linear(reel_net *net)
{
    reel_net_flatten(net);
    reel_net_linear(net, .in = 2 * 3 * 3, .out = 5);
}

static void add_pools(reel_net *net)
{
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true);
    reel_net_avg_pool2d(net, .kernel = 2, .exclude_padding = true);
    reel_net_adaptive_avg_pool2d(net, .height = 2, .width = 1);
}

static void add_global_avg(reel_net *net)
{
    reel_net_global_avg_pool(net);
}

static void add_global_max(reel_net *net)
{
    reel_net_global_max_pool(net);
}

static void add_activations(reel_net *net)
{
    reel_net_leaky_relu(net, .slope = 0.2);
    reel_net_tanh(net);
    reel_net_sigmoid(net);
    reel_net_relu(net);
    reel_net_flatten(net);
    reel_net_softmax(net);
}

static void add_normalization(reel_net *net)
{
    reel_net_batch_norm2d(net, .channels = 3);
    reel_net_local_response_norm(net, .size = 3, .alpha = 0.5, .beta = 0.75, .k = 2);
}

static void add_dropout(reel_net *net)
{
    reel_net_dropout(net, .p = 0.4);
}

Test(layers, each_kind_of_layer_has_right_gradients)
{
    check("Conv2d with groups and stride", add_conv, (const int64_t[]){2, 4, 7, 6}, true);
    check("Conv2d with dilation", add_conv_dilated, (const int64_t[]){2, 3, 7, 6}, true);
    check("Flatten and Linear", add_linear, (const int64_t[]){4, 2, 3, 3}, true);
    check("MaxPool2d, AvgPool2d, AdaptiveAvgPool2d", add_pools, (const int64_t[]){2, 3, 9, 8},
          true);
    check("GlobalAvgPool2d", add_global_avg, (const int64_t[]){2, 3, 4, 5}, true);
    check("GlobalMaxPool2d", add_global_max, (const int64_t[]){2, 3, 4, 5}, true);
    check("activations", add_activations, (const int64_t[]){2, 3, 3, 3}, true);
    check("BatchNorm2d and LRN in training", add_normalization, (const int64_t[]){3, 3, 4, 4},
          true);
    check("BatchNorm2d and LRN in evaluation", add_normalization, (const int64_t[]){3, 3, 4, 4},
          false);
    check("Dropout in training", add_dropout, (const int64_t[]){2, 3, 5, 5}, true);
    check("Dropout in evaluation", add_dropout, (const int64_t[]){2, 3, 5, 5}, false);
}

/* AlexNet in small: every kind of layer that an AlexNet has, and batch norm. Kaiming weights keep
 * the signal alive to the end.
 */
static void add_small_alexnet(reel_net *net)
{
    const reel_init w = {REEL_INIT_KAIMING_NORMAL, 0};
    reel_net_begin(net, "features");
    reel_net_conv2d(net, .in = 3, .out = 8, .kernel = 5, .stride = 2, .padding = 2,
                    .weight_init = w);
    reel_net_relu(net);
    reel_net_local_response_norm(net, .size = 5, .alpha = 1e-2, .beta = 0.75, .k = 2);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2);
    reel_net_conv2d(net, .in = 8, .out = 12, .kernel = 3, .padding = 1, .groups = 2,
                    .weight_init = w);
    reel_net_batch_norm2d(net, .channels = 12);
    reel_net_relu(net);
    reel_net_conv2d(net, .in = 12, .out = 8, .kernel = 3, .padding = 1, .weight_init = w);
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2);
    reel_net_end(net);
    reel_net_adaptive_avg_pool2d(net, .name = "avgpool", .height = 2);
    reel_net_flatten(net);
    reel_net_begin(net, "classifier");
    reel_net_dropout(net, .p = 0.5);
    reel_net_linear(net, .in = 32, .out = 16, .weight_init = w);
    reel_net_relu(net);
    reel_net_dropout(net, .p = 0.5);
    reel_net_linear(net, .in = 16, .out = 6, .weight_init = w);
    reel_net_end(net);
}

Test(layers, a_small_alexnet_has_right_gradients_end_to_end)
{
    check("small AlexNet, training", add_small_alexnet, (const int64_t[]){3, 3, 29, 29}, true);
    check("small AlexNet, evaluation", add_small_alexnet, (const int64_t[]){3, 3, 29, 29}, false);
}

static reel_net *empty_net(reel_ctx **ctx)
{
    reel_net *net;
    cr_assert_eq(reel_ctx_create(ctx, NULL, NULL), REEL_OK);
    cr_assert_eq(reel_net_create(&net, *ctx, REEL_F64, NULL), REEL_OK);
    return net;
}

Test(layers, a_net_with_more_parameters_than_a_check_takes_is_refused)
{
    reel_error err = {0};
    reel_gradcheck_report report;
    reel_ctx *ctx;
    reel_net *net = empty_net(&ctx);
    for (int i = 0; i < 128; i++)
        reel_net_conv2d(net, .in = 1, .out = 1, .kernel = 1);
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
    const int64_t input[4] = {1, 1, 2, 2};
    cr_expect_eq(reel_net_gradcheck(net, input, NULL, &report, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "at most 255"), "%s", err.message);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

Test(layers, a_check_in_training_mode_leaves_running_statistics_as_they_were)
{
    reel_error err = {0};
    reel_gradcheck_report report;
    reel_ctx *ctx;
    reel_net *net = empty_net(&ctx);
    reel_net_batch_norm2d(net, .channels = 2);
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
    reel_net_init(net);
    reel_net_set_training(net, true);
    const reel_tensor mean = reel_params_at(reel_net_params(net), 2)->value,
                      var = reel_params_at(reel_net_params(net), 3)->value;
    for (int64_t k = 0; k < 2; k++) {
        reel_tensor_set(&mean, &k, 0.25 + (double)k);
        reel_tensor_set(&var, &k, 4 + (double)k);
    }
    cr_assert_eq(reel_net_gradcheck(net, (const int64_t[]){2, 2, 3, 3}, NULL, &report, &err),
                 REEL_OK, "%s", err.message);
    cr_expect(report.passed, "%s", report.message);
    for (int64_t k = 0; k < 2; k++) {
        cr_expect_eq(reel_tensor_get(&mean, &k), 0.25 + (double)k, "mean %d is %g", (int)k,
                     reel_tensor_get(&mean, &k));
        cr_expect_eq(reel_tensor_get(&var, &k), 4 + (double)k, "variance %d is %g", (int)k,
                     reel_tensor_get(&var, &k));
    }
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}
