/* MaxPool2d: the largest value in each window. Padding never wins; of equal values the first takes
 * the gradient. */
#include "layers/layers.h"

#include "layers/pool2d.h"

static reel_var max_pool2d_layer_forward(const reel_module *m, reel_var x)
{
    const reel_pool2d_attrs attrs = reel_pool2d_attrs_of(m);
    return reel_max_pool2d(x, &attrs);
}

static reel_status max_pool2d_layer_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    (void)err;
    reel_pool2d_onnx(m, graph, "MaxPool");
    if (!reel_pool2d_floors(m, graph))
        reel_onnx_int(graph, "ceil_mode", 1);
    return REEL_OK;
}

const reel_layer reel_layer_max_pool2d = REEL_LAYER(
    reel_pool2d_args, reel_pool2d_config, .name = "max_pool2d", .kind = "MaxPool2d",
    .forward = max_pool2d_layer_forward, .onnx = max_pool2d_layer_onnx, .draw = reel_pool2d_draw);
