/* Hardsigmoid: y = min(max(x + 3, 0), 6) / 6. */
#include "core/ops.h"
#include "layers/onnx_graph.h"

static reel_status hardsigmoid_layer_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    (void)m, (void)err;
    reel_onnx_node(graph, "HardSigmoid");
    reel_onnx_input(graph);
    reel_onnx_float(graph, "alpha", 1.0 / 6);
    reel_onnx_float(graph, "beta", 0.5);
    return REEL_OK;
}

const reel_layer reel_layer_hardsigmoid = {
    .name = "hardsigmoid",
    .kind = "Hardsigmoid",
    .function = reel_hardsigmoid,
    .onnx = hardsigmoid_layer_onnx,
};
