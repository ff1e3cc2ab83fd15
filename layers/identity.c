/* Identity: y = x, for a branch that hands its input on. */
#include "layers/module.h"

static reel_var identity_value(reel_var x)
{
    return x;
}

/* No node. */
static reel_status identity_layer_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    (void)m, (void)graph, (void)err;
    return REEL_OK;
}

const reel_layer reel_layer_identity = {
    .name = "identity",
    .kind = "Identity",
    .function = identity_value,
    .onnx = identity_layer_onnx,
};
