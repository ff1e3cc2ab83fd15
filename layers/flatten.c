/* Flatten: (n, c, h, w) -> (n, c h w), the order that PyTorch's Linear weights expect. */
#include "layers/module.h"

#include "core/ops.h"

const reel_layer reel_layer_flatten = {
    .name = "flatten",
    .kind = "Flatten",
    .function = reel_flatten,
    .onnx_node = "Flatten",
};
