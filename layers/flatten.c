/* Flatten: (n, c, h, w) -> (n, c h w), the order that PyTorch's Linear weights expect. */
#include "layers/module.h"

#include "core/ops.h"

static reel_var flatten_layer_forward(const reel_module *m, reel_var x)
{
    (void)m;
    return reel_flatten(x);
}

const reel_layer reel_layer_flatten = {
    .name = "flatten",
    .kind = "Flatten",
    .forward = flatten_layer_forward,
    .onnx_node = "Flatten",
};
