/* Hardswish (Howard et al. 2019): y = x min(max(x + 3, 0), 6) / 6. */
#include "core/ops.h"
#include "layers/onnx_graph.h"

/* Opset 13 has no HardSwish. */
static reel_status hardswish_layer_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    (void)m, (void)err;
    reel_onnx_node(graph, "HardSigmoid");
    reel_onnx_input(graph);
    reel_onnx_float(graph, "alpha", 1.0 / 6);
    reel_onnx_float(graph, "beta", 0.5);
    reel_onnx_node(graph, "Mul");
    reel_onnx_input(graph);
    reel_onnx_layer_input(graph);
    return REEL_OK;
}

const reel_layer reel_layer_hardswish = {
    .name = "hardswish",
    .kind = "Hardswish",
    .function = reel_hardswish,
    .onnx = hardswish_layer_onnx,
};
