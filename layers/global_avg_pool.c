/* GlobalAvgPool2d: (n, c, h, w) -> (n, c), one number for each feature map. */
#include "layers/layers.h"

#include "layers/pool2d.h"

const reel_layer reel_layer_global_avg_pool = {
    .name = "global_avg_pool",
    .kind = "GlobalAvgPool2d",
    .function = reel_global_avg_pool,
    .onnx_node = "GlobalAveragePool",
    .onnx = reel_global_pool_onnx,
};
