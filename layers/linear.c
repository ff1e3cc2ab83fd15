/* Linear: y = x W^T + b; x (n, in), weight W (out, in), bias b (out). Initial values as PyTorch's:
 * U(+-1 / sqrt(in)). */
#include "layers/layers.h"

#include "core/ops.h"
#include "layers/affine.h"
#include "layers/fusion.h"
#include "layers/onnx_graph.h"

static const reel_layer_arg args[] = {
    REEL_ARG("in_features", INT, reel_linear_config, in, .min = 1, .max = INFINITY,
             .required = true, .from_input = true),
    REEL_ARG("out_features", INT, reel_linear_config, out, .min = 1, .max = INFINITY,
             .required = true),
    REEL_ARG("bias", NOT, reel_linear_config, no_bias),
    REEL_ARG("weight_init", INIT, reel_linear_config, weight_init),
    REEL_ARG("bias_init", INIT, reel_linear_config, bias_init),
};

static reel_status linear_layer_setup(reel_module *m, reel_error *err)
{
    const reel_linear_config *c = reel_module_config(m);
    const reel_param_config weight = {.ndim = 2,
                                      .shape = {c->out, c->in},
                                      .init = c->weight_init,
                                      .fan_in = c->in,
                                      .fan_out = c->out};
    return reel_affine_params(m, weight, c->no_bias ? NULL : &c->bias_init, err);
}

static reel_var linear_layer_forward(const reel_module *m, reel_var x)
{
    return reel_linear(x, reel_module_param(m, x.tape, WEIGHT), reel_affine_bias(m, x.tape));
}

static reel_var linear_layer_forward_with(const reel_module *m, const reel_module *const *next,
                                          int n_next, reel_var x, int *taken)
{
    if (!reel_follows(next, n_next, 0, &reel_layer_relu))
        return linear_layer_forward(m, x);
    *taken = 1;
    return reel_linear_relu(x, reel_module_param(m, x.tape, WEIGHT), reel_affine_bias(m, x.tape));
}

static int64_t linear_layer_multiply_adds(const reel_module *m, const reel_tensor *in,
                                          const reel_tensor *out)
{
    const reel_linear_config *c = reel_module_config(m);
    (void)in;
    return reel_tensor_numel(out) * c->in;
}

static reel_status linear_layer_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    const reel_linear_config *c = reel_module_config(m);
    const int rank = reel_onnx_shape_in(graph)->ndim;
    if (rank != 2)
        return reel_fail(err, REEL_ERR_INVALID, "Gemm takes a matrix, got rank %d", rank);

    reel_onnx_node(graph, "Gemm");
    reel_onnx_input(graph);
    reel_onnx_param(graph, m, WEIGHT);
    if (!c->no_bias)
        reel_onnx_param(graph, m, BIAS);
    reel_onnx_int(graph, "transB", 1);
    return REEL_OK;
}

static void linear_layer_draw(reel_rng *rng, reel_layer_use *use, void *config)
{
    reel_linear_config *c = config;
    use->flatten = true;
    c->in = use->images[1] * use->images[2] * use->images[3];
    c->out = reel_draw_int(rng, 1, 7);
    c->no_bias = reel_draw_chance(rng, 0.3);
}

const reel_layer reel_layer_linear = REEL_LAYER(
    args, reel_linear_config, .name = "linear", .kind = "Linear", .setup = linear_layer_setup,
    .forward = linear_layer_forward, .multiply_adds = linear_layer_multiply_adds,
    .forward_with = linear_layer_forward_with, .onnx = linear_layer_onnx,
    .draw = linear_layer_draw);
