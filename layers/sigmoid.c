/* Sigmoid: y = 1 / (1 + exp(-x)). */
#include "layers/module.h"

#include "core/ops.h"

const reel_layer reel_layer_sigmoid = {
    .name = "sigmoid",
    .kind = "Sigmoid",
    .function = reel_sigmoid,
    .onnx_node = "Sigmoid",
};
