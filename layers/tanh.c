/* Tanh: y = tanh(x). */
#include "layers/module.h"

#include "core/ops.h"

static reel_var tanh_layer_forward(const reel_module *m, reel_var x)
{
    (void)m;
    return reel_tanh(x);
}

const reel_layer reel_layer_tanh = {
    .name = "tanh",
    .kind = "Tanh",
    .forward = tanh_layer_forward,
    .onnx_node = "Tanh",
};
