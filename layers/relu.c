/* ReLU: y = max(x, 0). */
#include "layers/module.h"

#include "core/ops.h"

static reel_var relu_layer_forward(const reel_module *m, reel_var x)
{
    (void)m;
    return reel_relu(x);
}

const reel_layer reel_layer_relu = {
    .name = "relu",
    .kind = "ReLU",
    .forward = relu_layer_forward,
    .onnx_node = "Relu",
};
