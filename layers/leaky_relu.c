/* LeakyReLU: y = x where x > 0, else slope x. */
#include "layers/layers.h"

#include "core/ops.h"
#include "layers/onnx_graph.h"

static const reel_layer_arg args[] = {
    REEL_ARG("negative_slope", REAL, reel_leaky_relu_config, slope, .fallback = 0.01,
             .min = -INFINITY, .max = INFINITY),
};

static reel_var leaky_relu_layer_forward(const reel_module *m, reel_var x)
{
    const reel_leaky_relu_config *c = reel_module_config(m);
    return reel_leaky_relu(x, c->slope);
}

static reel_status leaky_relu_layer_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    const reel_leaky_relu_config *c = reel_module_config(m);
    (void)err;
    reel_onnx_node(graph, "LeakyRelu");
    reel_onnx_input(graph);
    reel_onnx_float(graph, "alpha", c->slope);
    return REEL_OK;
}

static void leaky_relu_layer_draw(reel_rng *rng, reel_layer_use *use, void *config)
{
    reel_leaky_relu_config *c = config;
    (void)use;
    c->slope = reel_rng_range(rng, -0.5, 0.9);
}

const reel_layer reel_layer_leaky_relu =
    REEL_LAYER(args, reel_leaky_relu_config, .name = "leaky_relu", .kind = "LeakyReLU",
               .forward = leaky_relu_layer_forward, .onnx = leaky_relu_layer_onnx,
               .draw = leaky_relu_layer_draw);
