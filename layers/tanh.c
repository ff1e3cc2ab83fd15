/* Tanh: y = tanh(x). */
#include "layers/module.h"

#include "core/ops.h"

const reel_layer reel_layer_tanh = {
    .name = "tanh",
    .kind = "Tanh",
    .function = reel_tanh,
    .onnx_node = "Tanh",
};
