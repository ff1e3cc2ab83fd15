/* Conv2d: x (n, in, h, w) -> (n, out, oh, ow); weight (out, in / groups, kernel, kernel_w), bias
 * (out). Initial values as PyTorch's: U(+-1 / sqrt(fan_in)), fan_in = in / groups kernel kernel_w.
 * The size of the output stands with reel_conv2d (core/ops.h). */
#include "layers/layers.h"

#include "core/ops.h"
#include "layers/affine.h"
#include "layers/fusion.h"
#include "layers/onnx_graph.h"
#include "layers/pool2d.h"

enum { LARGEST_FUSED_WINDOW = 15 }; /* reel_conv2d_relu_max_pool2d takes at most 255 cells */

static const reel_layer_arg args[] = {
    REEL_ARG("in_channels", INT, reel_conv2d_config, in, .min = 1, .max = INFINITY,
             .required = true, .from_input = true),
    REEL_ARG("out_channels", INT, reel_conv2d_config, out, .min = 1, .max = INFINITY,
             .required = true),
    REEL_ARG("kernel_size", INT, reel_conv2d_config, kernel, .min = 1, .max = INFINITY,
             .required = true),
    REEL_ARG("kernel_w", INT, reel_conv2d_config, kernel_w, .like = "kernel_size", .min = 1,
             .max = INFINITY, .by_name = true),
    REEL_ARG("stride", INT, reel_conv2d_config, stride, .fallback = 1, .min = 1, .max = INFINITY),
    REEL_ARG("stride_w", INT, reel_conv2d_config, stride_w, .like = "stride", .min = 1,
             .max = INFINITY, .by_name = true),
    REEL_ARG("padding", INT, reel_conv2d_config, padding, .min = 0, .max = INFINITY),
    REEL_ARG("padding_h", INT, reel_conv2d_config, padding_h, .min = 0, .max = INFINITY,
             .by_name = true),
    REEL_ARG("padding_w", INT, reel_conv2d_config, padding_w, .min = 0, .max = INFINITY,
             .by_name = true),
    REEL_ARG("dilation", INT, reel_conv2d_config, dilation, .fallback = 1, .min = 1,
             .max = INFINITY),
    REEL_ARG("dilation_w", INT, reel_conv2d_config, dilation_w, .like = "dilation", .min = 1,
             .max = INFINITY, .by_name = true),
    REEL_ARG("groups", INT, reel_conv2d_config, groups, .fallback = 1, .min = 1, .max = INFINITY),
    REEL_ARG("bias", NOT, reel_conv2d_config, no_bias),
    REEL_ARG("weight_init", INIT, reel_conv2d_config, weight_init),
    REEL_ARG("bias_init", INIT, reel_conv2d_config, bias_init),
};

static reel_conv2d_attrs conv2d_layer_attrs(const reel_conv2d_config *c)
{
    return (reel_conv2d_attrs){.stride_h = c->stride,
                               .stride_w = c->stride_w,
                               .padding_h = c->padding ? c->padding : c->padding_h,
                               .padding_w = c->padding ? c->padding : c->padding_w,
                               .dilation_h = c->dilation,
                               .dilation_w = c->dilation_w,
                               .groups = c->groups};
}

static reel_status conv2d_layer_setup(reel_module *m, reel_error *err)
{
    const reel_conv2d_config *c = reel_module_config(m);
    if (c->in % c->groups || c->out % c->groups)
        return reel_fail(err, REEL_ERR_INVALID,
                         "groups: expected a number that divides in_channels %lld and out_channels "
                         "%lld, got %lld",
                         (long long)c->in, (long long)c->out, (long long)c->groups);
    if (c->padding && (c->padding_h || c->padding_w))
        return reel_fail(err, REEL_ERR_INVALID,
                         "padding: expected either padding or padding_h and padding_w");

    const int64_t per_group = c->in / c->groups;
    const int64_t shape[4] = {c->out, per_group, c->kernel, c->kernel_w};
    if (reel_shape_numel(4, shape) < 1) /* then the products below do not fit */
        return reel_fail(err, REEL_ERR_INVALID, "a weight of too many elements");
    const int64_t window = c->kernel * c->kernel_w;
    /* PyTorch's fan_out counts the outputs of all groups. */
    const bool by_out = c->weight_init.kind == REEL_INIT_KAIMING_NORMAL_OUT;
    const int64_t fan_in = per_group * window,
                  fan_out = (by_out ? c->out : c->out / c->groups) * window;
    const reel_param_config weight = {.ndim = 4,
                                      .shape = {c->out, per_group, c->kernel, c->kernel_w},
                                      .init = c->weight_init,
                                      .fan_in = fan_in,
                                      .fan_out = fan_out};
    return reel_affine_params(m, weight, c->no_bias ? NULL : &c->bias_init, err);
}

static reel_var conv2d_layer_forward(const reel_module *m, reel_var x)
{
    const reel_conv2d_attrs attrs = conv2d_layer_attrs(reel_module_config(m));
    return reel_conv2d(x, reel_module_param(m, x.tape, WEIGHT), reel_affine_bias(m, x.tape),
                       &attrs);
}

/* ReLU, and the max pooling behind it, run while the convolution's result is still in cache. */
static reel_var conv2d_layer_forward_with(const reel_module *m, const reel_module *const *next,
                                          int n_next, reel_var x, int *taken)
{
    if (!reel_follows(next, n_next, 0, &reel_layer_relu))
        return conv2d_layer_forward(m, x);

    const reel_conv2d_attrs attrs = conv2d_layer_attrs(reel_module_config(m));
    const reel_var w = reel_module_param(m, x.tape, WEIGHT), b = reel_affine_bias(m, x.tape);
    *taken = 1;
    if (!reel_follows(next, n_next, 1, &reel_layer_max_pool2d))
        return reel_conv2d_relu(x, w, b, &attrs);

    const reel_pool2d_attrs pool = reel_pool2d_attrs_of(next[1]);
    if (pool.kernel_h > LARGEST_FUSED_WINDOW)
        return reel_conv2d_relu(x, w, b, &attrs);
    *taken = 2;
    return reel_conv2d_relu_max_pool2d(x, w, b, &attrs, &pool);
}

/* Every element of the output is a sum of in / groups kernel kernel_w products. */
static int64_t conv2d_layer_multiply_adds(const reel_module *m, const reel_tensor *in,
                                          const reel_tensor *out)
{
    const reel_tensor w = reel_module_param_value(m, WEIGHT);
    (void)in;
    return reel_tensor_numel(out) * (reel_tensor_numel(&w) / w.shape[0]);
}

static reel_status conv2d_layer_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    const reel_conv2d_config *c = reel_module_config(m);
    const reel_conv2d_attrs a = conv2d_layer_attrs(c);
    const int64_t dilations[] = {a.dilation_h, a.dilation_w};
    const int64_t kernel[] = {c->kernel, c->kernel_w};
    /* ONNX lists the beginning of both dimensions, then their ends. */
    const int64_t pads[] = {a.padding_h, a.padding_w, a.padding_h, a.padding_w};
    const int64_t strides[] = {a.stride_h, a.stride_w};
    (void)err;

    reel_onnx_node(graph, "Conv");
    reel_onnx_input(graph);
    reel_onnx_param(graph, m, WEIGHT);
    if (!c->no_bias)
        reel_onnx_param(graph, m, BIAS);
    reel_onnx_ints(graph, "dilations", dilations, 2);
    reel_onnx_int(graph, "group", a.groups);
    reel_onnx_ints(graph, "kernel_shape", kernel, 2);
    reel_onnx_ints(graph, "pads", pads, 4);
    reel_onnx_ints(graph, "strides", strides, 2);
    return REEL_OK;
}

/* Random valid settings, for the gradient check of all layers, and an input on which a window fits.
 * A setting that stays 0 takes its default. `images` comes with small sizes of at least 1. */
static void conv2d_layer_draw(reel_rng *rng, reel_layer_use *use, void *config)
{
    reel_conv2d_config *c = config;
    c->groups = reel_draw_chance(rng, 0.6) ? 1 : reel_draw_int(rng, 2, 3);
    c->in = c->groups * reel_draw_int(rng, 1, 3);
    c->out = c->groups * reel_draw_int(rng, 1, 4);
    c->kernel = reel_draw_int(rng, 1, 4);
    c->kernel_w = reel_draw_int(rng, 0, c->kernel);
    c->stride = reel_draw_int(rng, 0, 3);
    c->stride_w = reel_draw_int(rng, 0, 2);
    if (reel_draw_chance(rng, 0.5)) {
        c->padding = reel_draw_int(rng, 0, c->kernel - 1);
    } else {
        c->padding_h = reel_draw_int(rng, 0, c->kernel - 1);
        c->padding_w = reel_draw_int(rng, 0, 2);
    }
    c->dilation = reel_draw_int(rng, 1, 2);
    c->no_bias = reel_draw_chance(rng, 0.3);

    use->images[1] = c->in;
    for (int d = 2; d < 4; d++)
        use->images[d] += c->dilation * (c->kernel - 1); /* at least one window fits */
}

const reel_layer reel_layer_conv2d = REEL_LAYER(
    args, reel_conv2d_config, .name = "conv2d", .kind = "Conv2d", .setup = conv2d_layer_setup,
    .forward = conv2d_layer_forward, .multiply_adds = conv2d_layer_multiply_adds,
    .forward_with = conv2d_layer_forward_with, .onnx = conv2d_layer_onnx,
    .draw = conv2d_layer_draw);
