/* GlobalMaxPool2d: (n, c, h, w) -> (n, c), one number for each feature map; the first maximum takes
 * the gradient. */
#include "layers/layers.h"

#include "layers/pool2d.h"

const reel_layer reel_layer_global_max_pool = {
    .name = "global_max_pool",
    .kind = "GlobalMaxPool2d",
    .function = reel_global_max_pool,
    .onnx_node = "GlobalMaxPool",
    .onnx = reel_global_pool_onnx,
};
