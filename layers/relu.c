/* ReLU: y = max(x, 0). */
#include "layers/module.h"

#include "core/ops.h"

const reel_layer reel_layer_relu = {
    .name = "relu",
    .kind = "ReLU",
    .function = reel_relu,
    .onnx_node = "Relu",
};
