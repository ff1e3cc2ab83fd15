/* The window of MaxPool2d and AvgPool2d: arguments, attributes, ONNX, drawn settings. */
#include "layers/pool2d.h"

const reel_layer_arg reel_pool2d_args[REEL_POOL2D_ARGS] = {
    REEL_ARG("kernel_size", INT, reel_pool2d_config, kernel, .min = 1, .max = INFINITY,
             .required = true),
    REEL_ARG("stride", INT, reel_pool2d_config, stride, .like = "kernel_size", .min = 1,
             .max = INFINITY),
    REEL_ARG("padding", INT, reel_pool2d_config, padding, .min = 0, .max = INFINITY),
    REEL_ARG("ceil_mode", BOOL, reel_pool2d_config, ceil_mode),
    REEL_ARG("count_include_pad", NOT, reel_pool2d_config, exclude_padding),
};

reel_pool2d_attrs reel_pool2d_attrs_of(const reel_module *m)
{
    const reel_pool2d_config *c = reel_module_config(m);
    reel_pool2d_attrs a = {.ceil_mode = c->ceil_mode, .exclude_padding = c->exclude_padding};
    a.kernel_h = a.kernel_w = c->kernel;
    a.stride_h = a.stride_w = c->stride;
    a.padding_h = a.padding_w = c->padding;
    return a;
}

/* PyTorch's ceil mode leaves out a window that would begin behind the image, ONNX's does not. Where
 * that happens the size is that of floor mode, and the node says floor mode. */
bool reel_pool2d_floors(const reel_module *m, reel_onnx *graph)
{
    const reel_pool2d_config *c = reel_module_config(m);
    const reel_tensor *in = reel_onnx_shape_in(graph), *out = reel_onnx_shape_out(graph);
    const int64_t room = 2 * c->padding - c->kernel;
    return (in->shape[2] + room) / c->stride + 1 == out->shape[2] &&
           (in->shape[3] + room) / c->stride + 1 == out->shape[3];
}

void reel_pool2d_onnx(const reel_module *m, reel_onnx *graph, const char *node)
{
    const reel_pool2d_config *c = reel_module_config(m);
    const int64_t kernel[] = {c->kernel, c->kernel}, strides[] = {c->stride, c->stride};
    const int64_t pads[] = {c->padding, c->padding, c->padding, c->padding};
    reel_onnx_node(graph, node);
    reel_onnx_input(graph);
    reel_onnx_ints(graph, "kernel_shape", kernel, 2);
    reel_onnx_ints(graph, "pads", pads, 4);
    reel_onnx_ints(graph, "strides", strides, 2);
}

reel_status reel_global_pool_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    (void)err;
    reel_onnx_node(graph, reel_module_layer(m)->onnx_node);
    reel_onnx_input(graph);
    reel_onnx_node(graph, "Flatten");
    reel_onnx_input(graph);
    return REEL_OK;
}

void reel_pool2d_draw(reel_rng *rng, reel_layer_use *use, void *config)
{
    reel_pool2d_config *c = config;
    c->kernel = reel_draw_int(rng, 1, 4);
    c->stride = reel_draw_int(rng, 0, 3);
    c->padding = reel_draw_int(rng, 0, c->kernel / 2);
    c->ceil_mode = reel_draw_chance(rng, 0.4);
    c->exclude_padding = reel_draw_chance(rng, 0.4);
    for (int d = 2; d < 4; d++)
        use->images[d] += c->kernel - 1;
}
