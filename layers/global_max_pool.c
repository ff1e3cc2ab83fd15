/* GlobalMaxPool2d: (n, c, h, w) -> (n, c), one number for each feature map; the first maximum takes
 * the gradient. */
#include "layers/layers.h"

#include "layers/pool2d.h"

static reel_status global_max_pool_layer_onnx(const reel_module *m, reel_onnx *graph,
                                              reel_error *err)
{
    (void)m, (void)err;
    reel_global_pool_onnx(graph, "GlobalMaxPool");
    return REEL_OK;
}

const reel_layer reel_layer_global_max_pool = {
    .name = "global_max_pool",
    .kind = "GlobalMaxPool2d",
    .function = reel_global_max_pool,
    .onnx = global_max_pool_layer_onnx,
};
