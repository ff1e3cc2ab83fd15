/* GlobalAvgPool2d: (n, c, h, w) -> (n, c), one number for each feature map. */
#include "layers/layers.h"

#include "layers/pool2d.h"

static reel_status global_avg_pool_layer_onnx(const reel_module *m, reel_onnx *graph,
                                              reel_error *err)
{
    (void)m, (void)err;
    reel_global_pool_onnx(graph, "GlobalAveragePool");
    return REEL_OK;
}

const reel_layer reel_layer_global_avg_pool = {
    .name = "global_avg_pool",
    .kind = "GlobalAvgPool2d",
    .function = reel_global_avg_pool,
    .onnx = global_avg_pool_layer_onnx,
};
