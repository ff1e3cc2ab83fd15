/* Conv2d: weight (out, in / groups, kh, kw), bias (out). Default init as PyTorch's: U(+-1 /
 * sqrt(fan_in)), fan_in = in / groups kh kw. */
#include "layers/net_internal.h"
#include "layers/onnx.h"

static reel_conv2d_attrs attrs_of(const reel_conv2d_config *c)
{
    const int64_t stride = c->stride ? c->stride : 1, dilation = c->dilation ? c->dilation : 1;
    return (reel_conv2d_attrs){.stride_h = stride,
                               .stride_w = c->stride_w ? c->stride_w : stride,
                               .padding_h = c->padding,
                               .padding_w = c->padding_w < 0 ? 0
                                            : c->padding_w   ? c->padding_w
                                                             : c->padding,
                               .dilation_h = dilation,
                               .dilation_w = c->dilation_w ? c->dilation_w : dilation,
                               .groups = c->groups ? c->groups : 1};
}

static reel_status setup(reel_module *m, reel_error *err)
{
    const reel_conv2d_config *c = reel_module_config(m);
    const int64_t groups = c->groups ? c->groups : 1, kw = c->kernel_w ? c->kernel_w : c->kernel;
    if (c->in <= 0 || c->out <= 0 || c->kernel <= 0 || kw <= 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected positive in, out and kernel, got %lld, %lld, %lld",
                         (long long)c->in, (long long)c->out, (long long)c->kernel);
    if (groups < 1 || c->in % groups || c->out % groups)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected groups that divide in %lld and out %lld, got %lld",
                         (long long)c->in, (long long)c->out, (long long)groups);
    const int64_t per_group = c->in / groups, fan_in = per_group * c->kernel * kw,
                  fan_out = c->out / groups * c->kernel * kw;
    REEL_TRY(reel_module_add_param(m, "weight", 4, (int64_t[]){c->out, per_group, c->kernel, kw}, 0,
                                   c->weight_init, fan_in, fan_out, err));
    if (c->no_bias)
        return REEL_OK;
    return reel_module_add_param(m, "bias", 1, &c->out, REEL_PARAM_BIAS, c->bias_init, fan_in,
                                 fan_out, err);
}

static reel_var forward(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_conv2d_config *c = reel_module_config(m);
    const reel_conv2d_attrs attrs = attrs_of(c);
    return reel_conv2d(x, reel_module_param(m, tape, 0),
                       c->no_bias ? REEL_NONE : reel_module_param(m, tape, 1), &attrs);
}

/* ReLU, and the max pooling behind it, are done where the convolution's result is still in cache.
 */
static reel_var forward_with(const reel_module *m, const reel_module *const *next, int n_next,
                             reel_tape *tape, reel_var x, int *taken)
{
    if (n_next < 1 || next[0]->kind != &reel_relu_kind)
        return forward(m, tape, x);
    const reel_conv2d_config *c = reel_module_config(m);
    const reel_conv2d_attrs attrs = attrs_of(c);
    const reel_var w = reel_module_param(m, tape, 0),
                   b = c->no_bias ? REEL_NONE : reel_module_param(m, tape, 1);
    *taken = 1;
    if (n_next < 2 || next[1]->kind != &reel_max_pool2d_kind)
        return reel_conv2d_relu(x, w, b, &attrs);
    const reel_pool2d_attrs pool = reel_pool2d_attrs_of(reel_module_config(next[1]));
    if (pool.kernel_h > 15)
        return reel_conv2d_relu(x, w, b, &attrs);
    *taken = 2;
    return reel_conv2d_relu_max_pool2d(x, w, b, &attrs, &pool);
}

static int64_t multiply_adds(const reel_module *m, const reel_tensor *in, const reel_tensor *out)
{
    (void)in;
    const reel_tensor w = reel_module_param_value(m, 0);
    return reel_tensor_numel(out) * (reel_tensor_numel(&w) / w.shape[0]);
}

static reel_status onnx(const reel_module *m, reel_onnx *g, const reel_tensor *in,
                        const reel_tensor *out, reel_error *err)
{
    const reel_conv2d_config *c = reel_module_config(m);
    const reel_conv2d_attrs a = attrs_of(c);
    const reel_tensor w = reel_module_param_value(m, 0);
    (void)in, (void)out, (void)err;
    reel_onnx_node(g, "Conv");
    reel_onnx_input(g);
    reel_onnx_param(g, m, 0);
    if (!c->no_bias)
        reel_onnx_param(g, m, 1);
    reel_onnx_ints(g, "dilations", (const int64_t[]){a.dilation_h, a.dilation_w}, 2);
    reel_onnx_int(g, "group", a.groups);
    reel_onnx_ints(g, "kernel_shape", w.shape + 2, 2);
    reel_onnx_ints(g, "pads", (const int64_t[]){a.padding_h, a.padding_w, a.padding_h, a.padding_w},
                   4);
    reel_onnx_ints(g, "strides", (const int64_t[]){a.stride_h, a.stride_w}, 2);
    return REEL_OK;
}

void reel_net_add_conv2d(reel_net *net, const reel_conv2d_config *config)
{
    static const reel_module_kind kind = {.name = "Conv2d",
                                          .setup = setup,
                                          .forward = forward,
                                          .multiply_adds = multiply_adds,
                                          .forward_with = forward_with,
                                          .onnx = onnx};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}
