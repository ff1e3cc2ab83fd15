/* LocalResponseNorm (Krizhevsky et al. 2012) and BatchNorm2d (Ioffe and Szegedy 2015): the layers that rescale activations. */
#include "layers/module.h"

static reel_var forward_lrn(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_lrn_config *c = reel_module_config(m);
    const reel_lrn_attrs attrs = {.size = c->size, .alpha = c->alpha, .beta = c->beta, .k = c->k, .paper = c->paper};
    (void)tape;
    return reel_local_response_norm(x, &attrs);
}

void reel_net_add_lrn(reel_net *net, const reel_lrn_config *config)
{
    static const reel_module_kind kind = {.name = "LocalResponseNorm", .forward = forward_lrn};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}

/* Parameters as PyTorch names them: weight (gamma), bias (beta), running_mean, running_var. */
static reel_status setup_batch_norm(reel_module *m, reel_error *err)
{
    const reel_batch_norm_config *c = reel_module_config(m);
    static const reel_init zero = {REEL_INIT_CONSTANT, 0}, one = {REEL_INIT_CONSTANT, 1};
    if (c->channels <= 0)
        return reel_fail(err, REEL_ERR_INVALID, "expected positive channels, got %lld", (long long)c->channels);
    REEL_TRY(reel_module_add_param(m, "weight", 1, &c->channels, 0, one, 1, 1, err));
    REEL_TRY(reel_module_add_param(m, "bias", 1, &c->channels, REEL_PARAM_BIAS, zero, 1, 1, err));
    REEL_TRY(reel_module_add_param(m, "running_mean", 1, &c->channels, REEL_PARAM_BUFFER, zero, 1, 1, err));
    return reel_module_add_param(m, "running_var", 1, &c->channels, REEL_PARAM_BUFFER, one, 1, 1, err);
}

static reel_var forward_batch_norm(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_batch_norm_config *c = reel_module_config(m);
    const reel_batch_norm_attrs attrs = {.running_mean = reel_module_param_value(m, 2),
                                         .running_var = reel_module_param_value(m, 3),
                                         .momentum = c->momentum != 0 ? c->momentum : 0.1,
                                         .eps = c->eps,
                                         .training = reel_module_training(m)};
    return reel_batch_norm2d(x, reel_module_param(m, tape, 0), reel_module_param(m, tape, 1), &attrs);
}

void reel_net_add_batch_norm2d(reel_net *net, const reel_batch_norm_config *config)
{
    static const reel_module_kind kind = {.name = "BatchNorm2d", .setup = setup_batch_norm, .forward = forward_batch_norm};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}
