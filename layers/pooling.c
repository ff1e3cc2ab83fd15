/* Pooling layers, over a square window (max, average), to a given size (adaptive), or over the
 * whole map (global). */
#include "layers/net_internal.h"

#include <stdlib.h>

#include "layers/onnx.h"

reel_pool2d_attrs reel_pool2d_attrs_of(const reel_pool2d_config *c)
{
    const int64_t stride = c->stride ? c->stride : c->kernel;
    return (reel_pool2d_attrs){.kernel_h = c->kernel,
                               .kernel_w = c->kernel,
                               .stride_h = stride,
                               .stride_w = stride,
                               .padding_h = c->padding,
                               .padding_w = c->padding,
                               .ceil_mode = c->ceil_mode,
                               .exclude_padding = c->exclude_padding};
}

static reel_var forward_max(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_pool2d_attrs attrs = reel_pool2d_attrs_of(reel_module_config(m));
    (void)tape;
    return reel_max_pool2d(x, &attrs);
}

static reel_var forward_avg(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_pool2d_attrs attrs = reel_pool2d_attrs_of(reel_module_config(m));
    (void)tape;
    return reel_avg_pool2d(x, &attrs);
}

static reel_var forward_adaptive(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_adaptive_avg_pool2d_config *c = reel_module_config(m);
    const int64_t height = c->height, width = c->width ? c->width : c->height;
    const reel_tensor in = reel_value(x);
    (void)tape;
    if (in.ndim == 4 && in.shape[2] == height && in.shape[3] == width)
        return x; /* one pixel a cell */
    return reel_adaptive_avg_pool2d(x, height, width);
}

static reel_var forward_global_avg(const reel_module *m, reel_tape *tape, reel_var x)
{
    (void)m, (void)tape;
    return reel_global_avg_pool(x);
}

static reel_var forward_global_max(const reel_module *m, reel_tape *tape, reel_var x)
{
    (void)m, (void)tape;
    return reel_global_max_pool(x);
}

/* ---- ONNX ---- */
/* Whether floor mode gives the output's size. PyTorch's ceil mode leaves out a window that would
 * begin behind the image, ONNX's does not; but where that happens the size is that of floor mode,
 * which is then what the node says. */
static bool floors(const reel_pool2d_config *c, const reel_tensor *in, const reel_tensor *out)
{
    const int64_t stride = c->stride ? c->stride : c->kernel, room = 2 * c->padding - c->kernel;
    return (in->shape[2] + room) / stride + 1 == out->shape[2] &&
           (in->shape[3] + room) / stride + 1 == out->shape[3];
}

static void put_window(const reel_module *m, reel_onnx *g, const char *op_type)
{
    const reel_pool2d_config *c = reel_module_config(m);
    const int64_t stride = c->stride ? c->stride : c->kernel;
    reel_onnx_node(g, op_type);
    reel_onnx_input(g);
    reel_onnx_ints(g, "kernel_shape", (const int64_t[]){c->kernel, c->kernel}, 2);
    reel_onnx_ints(g, "pads", (const int64_t[]){c->padding, c->padding, c->padding, c->padding}, 4);
    reel_onnx_ints(g, "strides", (const int64_t[]){stride, stride}, 2);
}

static reel_status onnx_max(const reel_module *m, reel_onnx *g, const reel_tensor *in,
                            const reel_tensor *out, reel_error *err)
{
    (void)err;
    put_window(m, g, "MaxPool");
    if (!floors(reel_module_config(m), in, out))
        reel_onnx_int(g, "ceil_mode", 1);
    return REEL_OK;
}

/* What an average that hangs over the edge is divided by has differed from version to version: not
 * exported. */
static reel_status onnx_avg(const reel_module *m, reel_onnx *g, const reel_tensor *in,
                            const reel_tensor *out, reel_error *err)
{
    const reel_pool2d_config *c = reel_module_config(m);
    if (!floors(c, in, out))
        return reel_fail(err, REEL_ERR_INVALID, "in ceil mode its windows hang over the edge");
    put_window(m, g, "AveragePool");
    if (!c->exclude_padding)
        reel_onnx_int(g, "count_include_pad", 1);
    return REEL_OK;
}

/* The matrix that averages cell i over [floor(i in / out), ceil((i + 1) in / out)), as (out, in) or
 * transposed. */
static reel_status put_cells(reel_onnx *g, const char *name, int64_t in, int64_t out,
                             bool transposed, reel_error *err)
{
    float *a = calloc((size_t)(in * out), sizeof *a);
    if (!a)
        return reel_fail(err, REEL_ERR_MEMORY, "out of memory");
    for (int64_t i = 0; i < out; i++) {
        const int64_t begin = i * in / out, end = ((i + 1) * in + out - 1) / out;
        for (int64_t j = begin; j < end; j++)
            a[transposed ? j * out + i : i * in + j] = 1.0f / (float)(end - begin);
    }
    reel_onnx_constant(g, name, transposed ? in : out, transposed ? out : in, a);
    free(a);
    return REEL_OK;
}

/* The identity where sizes agree, a plain average where they divide, else two matrix products: rows
 * x image x columns. */
static reel_status onnx_adaptive(const reel_module *m, reel_onnx *g, const reel_tensor *in,
                                 const reel_tensor *out, reel_error *err)
{
    const int64_t h = in->shape[2], w = in->shape[3], oh = out->shape[2], ow = out->shape[3];
    (void)m;
    if (h == oh && w == ow)
        return REEL_OK;
    if (h % oh == 0 && w % ow == 0) {
        reel_onnx_node(g, "AveragePool");
        reel_onnx_input(g);
        reel_onnx_ints(g, "kernel_shape", (const int64_t[]){h / oh, w / ow}, 2);
        reel_onnx_ints(g, "strides", (const int64_t[]){h / oh, w / ow}, 2);
        return REEL_OK;
    }
    reel_onnx_node(g, "MatMul");
    REEL_TRY(put_cells(g, "rows", h, oh, false, err));
    reel_onnx_input(g);
    reel_onnx_node(g, "MatMul");
    reel_onnx_input(g);
    return put_cells(g, "columns", w, ow, true, err);
}

static reel_status put_global(reel_onnx *g, const char *op_type)
{
    reel_onnx_node(g, op_type);
    reel_onnx_input(g);
    reel_onnx_node(g, "Flatten");
    reel_onnx_input(g);
    return REEL_OK;
}

static reel_status onnx_global_avg(const reel_module *m, reel_onnx *g, const reel_tensor *in,
                                   const reel_tensor *out, reel_error *err)
{
    (void)m, (void)in, (void)out, (void)err;
    return put_global(g, "GlobalAveragePool");
}

static reel_status onnx_global_max(const reel_module *m, reel_onnx *g, const reel_tensor *in,
                                   const reel_tensor *out, reel_error *err)
{
    (void)m, (void)in, (void)out, (void)err;
    return put_global(g, "GlobalMaxPool");
}

const reel_module_kind reel_max_pool2d_kind = {
    .name = "MaxPool2d", .forward = forward_max, .onnx = onnx_max};

void reel_net_add_max_pool2d(reel_net *net, const reel_pool2d_config *config)
{
    reel_net_add(net, &reel_max_pool2d_kind, config->name, config, sizeof *config);
}

void reel_net_add_avg_pool2d(reel_net *net, const reel_pool2d_config *config)
{
    static const reel_module_kind kind = {
        .name = "AvgPool2d", .forward = forward_avg, .onnx = onnx_avg};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}

void reel_net_add_adaptive_avg_pool2d(reel_net *net, const reel_adaptive_avg_pool2d_config *config)
{
    static const reel_module_kind kind = {
        .name = "AdaptiveAvgPool2d", .forward = forward_adaptive, .onnx = onnx_adaptive};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}

void reel_net_add_global_avg_pool(reel_net *net, const reel_plain_config *config)
{
    static const reel_module_kind kind = {
        .name = "GlobalAvgPool2d", .forward = forward_global_avg, .onnx = onnx_global_avg};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}

void reel_net_add_global_max_pool(reel_net *net, const reel_plain_config *config)
{
    static const reel_module_kind kind = {
        .name = "GlobalMaxPool2d", .forward = forward_global_max, .onnx = onnx_global_max};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}
