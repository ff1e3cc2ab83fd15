/* SiLU, also called swish: y = x / (1 + exp(-x)). */
#include "core/ops.h"
#include "layers/onnx_graph.h"

static reel_status silu_layer_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    (void)m, (void)err;
    reel_onnx_node(graph, "Sigmoid");
    reel_onnx_input(graph);
    reel_onnx_node(graph, "Mul");
    reel_onnx_input(graph);
    reel_onnx_layer_input(graph);
    return REEL_OK;
}

const reel_layer reel_layer_silu = {
    .name = "silu",
    .kind = "SiLU",
    .function = reel_silu,
    .onnx = silu_layer_onnx,
};
