/* Sigmoid: y = 1 / (1 + exp(-x)). */
#include "layers/module.h"

#include "core/ops.h"

static reel_var sigmoid_layer_forward(const reel_module *m, reel_var x)
{
    (void)m;
    return reel_sigmoid(x);
}

const reel_layer reel_layer_sigmoid = {
    .name = "sigmoid",
    .kind = "Sigmoid",
    .forward = sigmoid_layer_forward,
    .onnx_node = "Sigmoid",
};
