/* AvgPool2d: the mean of each window; zeros of the padding count unless exclude_padding is set. */
#include "layers/layers.h"

#include "layers/pool2d.h"

static reel_var avg_pool2d_layer_forward(const reel_module *m, reel_var x)
{
    const reel_pool2d_attrs attrs = reel_pool2d_attrs_of(m);
    return reel_avg_pool2d(x, &attrs);
}

/* The divisor of an average that hangs over the edge has differed between ONNX versions, so that
 * case is not exported. */
static reel_status avg_pool2d_layer_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    const reel_pool2d_config *c = reel_module_config(m);
    if (!reel_pool2d_floors(m, graph))
        return reel_fail(err, REEL_ERR_INVALID, "in ceil mode its windows hang over the edge");
    reel_pool2d_onnx(m, graph, "AveragePool");
    if (!c->exclude_padding)
        reel_onnx_int(graph, "count_include_pad", 1);
    return REEL_OK;
}

const reel_layer reel_layer_avg_pool2d = REEL_LAYER(
    reel_pool2d_args, reel_pool2d_config, .name = "avg_pool2d", .kind = "AvgPool2d",
    .forward = avg_pool2d_layer_forward, .onnx = avg_pool2d_layer_onnx, .draw = reel_pool2d_draw);
