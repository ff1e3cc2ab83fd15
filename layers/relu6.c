/* ReLU6 (Howard et al. 2017): y = min(max(x, 0), 6). */
#include "layers/module.h"

#include "core/ops.h"
#include "layers/onnx_graph.h"

static reel_var relu6_value(reel_var x)
{
    return reel_clamp(x, 0, 6);
}

/* The graph writes constants as matrices: Max and Min broadcast them, Clip would not take them. */
static reel_status relu6_layer_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    static const float low[] = {0}, high[] = {6};
    (void)m, (void)err;
    reel_onnx_node(graph, "Max");
    reel_onnx_input(graph);
    reel_onnx_constant(graph, "low", 1, 1, low);
    reel_onnx_node(graph, "Min");
    reel_onnx_input(graph);
    reel_onnx_constant(graph, "high", 1, 1, high);
    return REEL_OK;
}

const reel_layer reel_layer_relu6 = {
    .name = "relu6",
    .kind = "ReLU6",
    .function = relu6_value,
    .onnx = relu6_layer_onnx,
};
