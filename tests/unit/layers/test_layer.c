/* Layers as tables: the generated table, arguments and their messages, text, modules inside
 * modules. */
#include <string.h>

#include "layers/gradcheck.h"
#include "tests/unit/layers/net_test.h"

TestSuite(layer, .init = setup, .fini = teardown);

/* ---- the table ---- */
Test(layer, of_the_library_can_be_found_checked_and_read_from_text)
{
    cr_assert_geq(reel_layer_count(), 16);
    for (int i = 0; i < reel_layer_count(); i++) {
        const reel_layer *layer = reel_layer_at(i);
        cr_expect_eq(reel_layer_find(layer->name), layer, "%s", layer->name);
        cr_expect(!layer->forward != !layer->function, "%s: forward or function", layer->name);
        cr_expect(layer->draw || !layer->n_args,
                  "%s: a layer with arguments needs a draw function for its gradient check",
                  layer->name);
        cr_expect(layer->onnx || layer->onnx_node, "%s: no ONNX form", layer->name);
        cr_expect(!layer->n_args || layer->config_size, "%s: arguments without config_size",
                  layer->name);
        for (int k = 0; k < layer->n_args; k++)
            cr_expect_lt(layer->args[k].offset, layer->config_size, "%s: %s", layer->name,
                         layer->args[k].name);
    }
    cr_expect_null(reel_layer_find("conv9d"));
}

/* ---- text ---- */
Test(layer, text_and_macros_make_the_same_net)
{
    reel_net *typed = new_net(REEL_F32), *text = new_net(REEL_F32);
    const reel_init gaussian = {REEL_INIT_GAUSSIAN, 0.01};
    reel_net_conv2d(typed, .in = 4, .out = 6, .kernel = 3, .stride = 2, .padding = 1, .groups = 2,
                    .weight_init = gaussian);
    reel_net_layer(text, "conv2d",
                   "in_channels=4, out_channels = 6,kernel_size=3, stride=2, padding=1, groups=2, "
                   "weight_init=gaussian(0.01)");
    reel_net_leaky_relu(typed, .slope = 0.2);
    reel_net_layer(text, "leaky_relu", "negative_slope=2e-1");
    reel_net_avg_pool2d(typed, .kernel = 2, .exclude_padding = true);
    reel_net_layer(text, "avg_pool2d", "kernel_size=2, count_include_pad=false");
    reel_net_flatten(typed, .name = "flat");
    reel_net_layer(text, "flatten", "name=flat");
    reel_net_linear(typed, .in = 24, .out = 5, .no_bias = true);
    reel_net_layer(text, "linear", "in_features=24, out_features=5, bias=false");

    reel_net *const nets[] = {typed, text};
    reel_layer_info info[2][8];
    int count[2];
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(reel_net_build(nets[i], &err), REEL_OK, "%s", err.message);
        reel_net_init(nets[i]);
        cr_assert_eq(
            reel_net_describe(nets[i], (const int64_t[]){2, 4, 8, 8}, info[i], 8, &count[i], &err),
            REEL_OK, "%s", err.message);
    }
    cr_assert_eq(count[0], count[1]);
    for (int i = 0; i < count[0]; i++) {
        cr_expect_str_eq(info[0][i].name, info[1][i].name);
        cr_expect_str_eq(info[0][i].kind, info[1][i].kind);
        cr_expect_eq(memcmp(info[0][i].shape, info[1][i].shape, sizeof info[0][i].shape), 0);
    }

    const reel_params *a = reel_net_params(typed), *b = reel_net_params(text);
    cr_assert_eq(reel_params_count(a), reel_params_count(b));
    for (int i = 0; i < reel_params_count(a); i++) {
        const reel_param *p = reel_params_at(a, i), *q = reel_params_at(b, i);
        cr_expect_str_eq(p->name, q->name);
        cr_expect_eq(memcmp(p->value.data, q->value.data, reel_tensor_bytes(&p->value)), 0, "%s",
                     p->name);
    }
    reel_net_destroy(typed);
    reel_net_destroy(text);
}

/* The values that a net gives for one drawn image of 4 x 5 x 5. */
static void values_of(reel_net *net, float values[100])
{
    float pixels[100];
    reel_tape *tape;
    for (int i = 0; i < 100; i++)
        pixels[i] = (float)(i * 37 % 101) / 12 - 4;
    const reel_tensor x = reel_tensor_of(pixels, REEL_F32, 4, (const int64_t[]){1, 4, 5, 5});
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
    reel_net_init(net);
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK, "%s", err.message);
    const reel_var y = reel_net_forward(net, tape, reel_input(tape, &x));
    cr_assert_eq(reel_tape_status(tape, &err), REEL_OK, "%s", err.message);
    const reel_tensor out = reel_value(y);
    cr_assert_eq(reel_tensor_bytes(&out), 100 * sizeof *values);
    memcpy(values, out.data, reel_tensor_bytes(&out));
    reel_tape_destroy(tape);
}

Test(layer, text_and_macros_make_the_same_activations_and_norms)
{
    static const char *const named[][2] = {{"identity", NULL},
                                           {"relu6", NULL},
                                           {"silu", "name=s"},
                                           {"hardswish", NULL},
                                           {"hardsigmoid", NULL},
                                           {"gelu", NULL},
                                           {"gelu", "approximate=tanh"},
                                           {"group_norm", "num_groups=2, num_channels=4"},
                                           {"group_norm", "num_groups=4, num_channels=4, eps=0.5, "
                                                          "affine=false"}};
    reel_net *typed[REEL_COUNT(named)];
    for (int i = 0; i < REEL_COUNT(named); i++)
        typed[i] = new_net(REEL_F32);
    reel_net_identity(typed[0]);
    reel_net_relu6(typed[1]);
    reel_net_silu(typed[2], .name = "s");
    reel_net_hardswish(typed[3]);
    reel_net_hardsigmoid(typed[4]);
    reel_net_gelu(typed[5]);
    reel_net_gelu(typed[6], .approximate = REEL_GELU_TANH);
    reel_net_group_norm(typed[7], .groups = 2, .channels = 4);
    reel_net_group_norm(typed[8], .groups = 4, .channels = 4, .eps = 0.5, .no_affine = true);

    float all[REEL_COUNT(named)][100], same[100];
    for (int i = 0; i < REEL_COUNT(named); i++) {
        reel_net *text = new_net(REEL_F32);
        reel_net_layer(text, named[i][0], named[i][1]);
        values_of(typed[i], all[i]);
        values_of(text, same);
        cr_expect_eq(memcmp(all[i], same, sizeof same), 0, "%s", named[i][0]);
        for (int k = 0; k < i; k++)
            cr_expect_neq(memcmp(all[i], all[k], sizeof same), 0, "%s is %s", named[i][0],
                          named[k][0]);
        reel_net_destroy(typed[i]);
        reel_net_destroy(text);
    }
}

Test(layer, wrong_text_says_what_was_expected)
{
    static const struct {
        const char *layer, *text, *message;
    } cases[] = {
        {"conv9d", "", "unknown layer \"conv9d\""},
        {"conv2d", "in_channels=3, out_channels=8",
         "conv2d: kernel_size is missing: expected a whole number of at least 1"},
        {"linear", "in_features=0, out_features=8",
         "in_features: expected a whole number of at least 1, got 0"},
        {"linear", "in_features=3.5, out_features=8", "in_features: expected a whole number"},
        {"linear", "in_features=3, in_features=3", "in_features: given twice"},
        {"linear", "in=3", "unknown argument \"in\"; linear takes name, in_features"},
        {"linear", "in_features=3, out_features=8, bias=no", "bias: expected true or false"},
        {"linear", "in_features=3, out_features=8, weight_init=gaussian",
         "weight_init: expected an initialiser"},
        {"linear", "in_features", "expected \"argument=value\", got \"in_features\""},
        {"linear", "in_features=3,, out_features=8", "before the comma"},
        {"dropout", "p=1", "p: expected a number of at least 0 and below 1, got 1"},
        {"dropout", "p=nan", "p: expected a number of at least 0 and below 1, got \"nan\""},
        {"dropout", "", "p is missing"},
        {"gelu", "approximate=erf", "approximate: expected none or tanh, got \"erf\""},
        {"group_norm", "num_groups=4, num_channels=6", "got 4 groups of 6 channels"},
        {"leaky_relu", "negative_slope=0", "negative_slope: 0 is not possible"},
    };
    for (int i = 0; i < REEL_COUNT(cases); i++) {
        reel_net *net = new_net(REEL_F32);
        reel_net_layer(net, cases[i].layer, cases[i].text);
        cr_expect_eq(reel_net_build(net, &err), REEL_ERR_INVALID, "%s", cases[i].text);
        cr_expect(strstr(err.message, cases[i].message), "expected \"%s\" in: %s", cases[i].message,
                  err.message);
        reel_net_destroy(net);
    }
}

Test(layer, settings_out_of_range_are_named)
{
    static const struct {
        reel_conv2d_config config;
        const char *message;
    } cases[] = {
        {{.in = 3, .out = 4}, "0 (Conv2d): kernel_size: expected a whole number of at least 1"},
        {{.in = 3, .out = 4, .kernel = 3, .stride = -1}, "stride: expected"},
        {{.in = 3, .out = 4, .kernel = 3, .groups = 2}, "groups: expected a number that divides"},
        {{.in = 3, .out = 4, .kernel = 3, .padding = 1, .padding_w = 2}, "padding: expected"},
    };
    for (int i = 0; i < REEL_COUNT(cases); i++) {
        reel_net *net = new_net(REEL_F32);
        reel_net_add(net, reel_layer_find("conv2d"), &cases[i].config);
        cr_expect_eq(reel_net_build(net, &err), REEL_ERR_INVALID);
        cr_expect(strstr(err.message, cases[i].message), "expected \"%s\" in: %s", cases[i].message,
                  err.message);
        reel_net_destroy(net);
    }
    reel_net *net = new_net(REEL_F32);
    reel_net_add(net, NULL, NULL);
    cr_expect_eq(reel_net_build(net, &err), REEL_ERR_INVALID);
    reel_net_destroy(net);
}

/* ---- modules inside a module: y = relu(x + conv2(relu(conv1(x)))), with a gain for each of seven
 * parts, as a layer of one's own ---- */
typedef struct block_config {
    const char *name;
    int64_t channels;
} block_config;

static const reel_layer_arg block_args[] = {
    REEL_ARG("channels", INT, block_config, channels, .min = 1, .max = INFINITY)};

static reel_status block_setup(reel_module *m, reel_error *e)
{
    const block_config *c = reel_module_config(m);
    const reel_layer *conv2d = reel_layer_find("conv2d");
    for (int i = 0; i < 2; i++) {
        const reel_conv2d_config conv = {.name = i ? "conv2" : "conv1",
                                         .in = c->channels,
                                         .out = c->channels,
                                         .kernel = 3,
                                         .padding = 1};
        REEL_TRY(reel_module_add(m, conv2d, &conv, e));
    }
    for (int i = 0; i < 7; i++) {
        const char name[] = {'g', (char)('0' + i), 0};
        const reel_param_config gain = {
            .name = name, .ndim = 1, .shape = {1}, .init = {REEL_INIT_CONSTANT, 1 + 0.1 * i}};
        REEL_TRY(reel_module_add_param(m, &gain, e));
    }
    return REEL_OK;
}

static reel_var block_forward(const reel_module *m, reel_var x)
{
    reel_var y = reel_module_run(m, 1, reel_relu(reel_module_run(m, 0, x)));
    for (int k = 0; k < reel_module_params(m); k++)
        y = reel_mul(y, reel_module_param(m, x.tape, k));
    return reel_relu(reel_add(x, y));
}

static const reel_layer block = {.name = "block",
                                 .args = block_args,
                                 .n_args = REEL_COUNT(block_args),
                                 .config_size = sizeof(block_config),
                                 .setup = block_setup,
                                 .forward = block_forward};

static void add_blocks(reel_net *net)
{
    reel_net_begin(net, "layer1");
    reel_net_add(net, &block, &(block_config){.channels = 2});
    reel_net_add(net, &block, &(block_config){.channels = 2});
    reel_net_end(net);
    reel_net_global_avg_pool(net, .name = "avgpool");
}

Test(layer, may_hold_layers_and_any_number_of_parameters)
{
    reel_net *net = new_net(REEL_F32);
    add_blocks(net);
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
    reel_net_init(net);
    cr_expect(reel_params_find(reel_net_params(net), "layer1.1.conv2.weight"));
    cr_expect(reel_params_find(reel_net_params(net), "layer1.0.g6"));
    cr_expect_eq(reel_params_count(reel_net_params(net)), 2 * (2 * 2 + 7));

    reel_layer_info info[8];
    int count;
    cr_assert_eq(reel_net_describe(net, (const int64_t[]){3, 2, 5, 4}, info, 8, &count, &err),
                 REEL_OK, "%s", err.message);
    cr_assert_eq(count, 3);
    cr_expect_str_eq(info[1].name, "layer1.1");
    cr_expect_eq(info[1].parameters, 2 * (2 * 2 * 9 + 2) + 7);
    cr_expect_eq(info[1].multiply_adds, 3 * 2 * (5 * 4 * 2) * (2 * 9));
    reel_net_destroy(net);
}

Test(layer, with_layers_inside_has_right_gradients)
{
    reel_gradcheck_report report;
    cr_assert_eq(
        reel_layer_gradcheck(ctx, add_blocks, (const int64_t[]){2, 2, 4, 3}, NULL, &report, &err),
        REEL_OK, "%s", err.message);
    cr_expect(report.passed, "%s", report.message);
}

Test(layer, without_a_gradient_check_is_refused_by_it)
{
    reel_gradcheck_report report;
    cr_expect_eq(reel_layer_gradcheck_random(ctx, &block, 1, NULL, &report, &err),
                 REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "layer block has arguments, but no draw function"), "%s",
              err.message);
}
