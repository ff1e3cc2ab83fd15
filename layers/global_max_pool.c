/* GlobalMaxPool2d: (n, c, h, w) -> (n, c), one number for each feature map; the first maximum takes
 * the gradient. */
#include "layers/layers.h"

#include "core/ops.h"
#include "layers/onnx_graph.h"

static reel_var global_max_pool_layer_forward(const reel_module *m, reel_var x)
{
    (void)m;
    return reel_global_max_pool(x);
}

/* ONNX keeps two dimensions of size 1. */
static reel_status global_max_pool_layer_onnx(const reel_module *m, reel_onnx *graph,
                                              reel_error *err)
{
    (void)m, (void)err;
    reel_onnx_node(graph, "GlobalMaxPool");
    reel_onnx_input(graph);
    reel_onnx_node(graph, "Flatten");
    reel_onnx_input(graph);
    return REEL_OK;
}

const reel_layer reel_layer_global_max_pool = {
    .name = "global_max_pool",
    .kind = "GlobalMaxPool2d",
    .forward = global_max_pool_layer_forward,
    .onnx = global_max_pool_layer_onnx,
};
