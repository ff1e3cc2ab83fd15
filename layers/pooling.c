/* Pooling layers, over a square window (max, average), to a given size (adaptive), or over the whole map (global). */
#include "layers/net_internal.h"

reel_pool2d_attrs reel_pool_attrs_of(const reel_pool_config *c)
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
    const reel_pool2d_attrs attrs = reel_pool_attrs_of(reel_module_config(m));
    (void)tape;
    return reel_max_pool2d(x, &attrs);
}

static reel_var forward_avg(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_pool2d_attrs attrs = reel_pool_attrs_of(reel_module_config(m));
    (void)tape;
    return reel_avg_pool2d(x, &attrs);
}

static reel_var forward_adaptive(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_adaptive_pool_config *c = reel_module_config(m);
    const int64_t height = c->height, width = c->width ? c->width : c->height;
    const reel_tensor in = reel_value(x);
    (void)tape;
    if (in.ndim == 4 && in.shape[2] == height && in.shape[3] == width) return x; /* one pixel a cell */
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

const reel_module_kind reel_maxpool_kind = {.name = "MaxPool2d", .forward = forward_max};

void reel_net_add_maxpool(reel_net *net, const reel_pool_config *config)
{
    reel_net_add(net, &reel_maxpool_kind, config->name, config, sizeof *config);
}

void reel_net_add_avgpool(reel_net *net, const reel_pool_config *config)
{
    static const reel_module_kind kind = {.name = "AvgPool2d", .forward = forward_avg};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}

void reel_net_add_adaptive_avgpool(reel_net *net, const reel_adaptive_pool_config *config)
{
    static const reel_module_kind kind = {.name = "AdaptiveAvgPool2d", .forward = forward_adaptive};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}

void reel_net_add_global_avgpool(reel_net *net, const reel_plain_config *config)
{
    static const reel_module_kind kind = {.name = "GlobalAvgPool2d", .forward = forward_global_avg};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}

void reel_net_add_global_maxpool(reel_net *net, const reel_plain_config *config)
{
    static const reel_module_kind kind = {.name = "GlobalMaxPool2d", .forward = forward_global_max};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}
