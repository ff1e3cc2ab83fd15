/* Pooling layers, over a square window (max, average), to a given size (adaptive), or over the whole map (global). */
#include "layers/module.h"

static reel_pool2d_attrs attrs_of(const reel_pool_config *c)
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
    const reel_pool2d_attrs attrs = attrs_of(reel_module_config(m));
    (void)tape;
    return reel_max_pool2d(x, &attrs);
}

static reel_var forward_avg(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_pool2d_attrs attrs = attrs_of(reel_module_config(m));
    (void)tape;
    return reel_avg_pool2d(x, &attrs);
}

static reel_var forward_adaptive(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_adaptive_pool_config *c = reel_module_config(m);
    (void)tape;
    return reel_adaptive_avg_pool2d(x, c->height, c->width ? c->width : c->height);
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

void reel_net_add_maxpool(reel_net *net, const reel_pool_config *config)
{
    static const reel_module_kind kind = {"MaxPool2d", NULL, forward_max, NULL};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}

void reel_net_add_avgpool(reel_net *net, const reel_pool_config *config)
{
    static const reel_module_kind kind = {"AvgPool2d", NULL, forward_avg, NULL};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}

void reel_net_add_adaptive_avgpool(reel_net *net, const reel_adaptive_pool_config *config)
{
    static const reel_module_kind kind = {"AdaptiveAvgPool2d", NULL, forward_adaptive, NULL};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}

void reel_net_add_global_avgpool(reel_net *net, const reel_plain_config *config)
{
    static const reel_module_kind kind = {"GlobalAvgPool2d", NULL, forward_global_avg, NULL};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}

void reel_net_add_global_maxpool(reel_net *net, const reel_plain_config *config)
{
    static const reel_module_kind kind = {"GlobalMaxPool2d", NULL, forward_global_max, NULL};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}
