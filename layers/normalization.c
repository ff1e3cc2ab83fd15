/* LocalResponseNorm (Krizhevsky et al. 2012) and BatchNorm2d (Ioffe and Szegedy 2015): the layers
 * that rescale activations. */
#include "layers/onnx.h"

static reel_var forward_lrn(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_local_response_norm_config *c = reel_module_config(m);
    const reel_local_response_norm_attrs attrs = {
        .size = c->size, .alpha = c->alpha, .beta = c->beta, .k = c->k, .paper = c->paper};
    (void)tape;
    return reel_local_response_norm(x, &attrs);
}

/* ONNX divides alpha by the window; its window of an even size leans the other way. */
static reel_status onnx_lrn(const reel_module *m, reel_onnx *g, const reel_tensor *in,
                            const reel_tensor *out, reel_error *err)
{
    const reel_local_response_norm_config *c = reel_module_config(m);
    const int64_t size = c->size ? c->size : 5;
    const double alpha = c->alpha != 0 ? c->alpha : 1e-4;
    (void)in, (void)out;
    if (size % 2 == 0)
        return reel_fail(err, REEL_ERR_INVALID, "a window of an odd size, got %lld",
                         (long long)size);
    reel_onnx_node(g, "LRN");
    reel_onnx_input(g);
    reel_onnx_float(g, "alpha", c->paper ? alpha * (double)size : alpha);
    reel_onnx_float(g, "beta", c->beta != 0 ? c->beta : 0.75);
    reel_onnx_float(g, "bias", c->k != 0 ? c->k : 1);
    reel_onnx_int(g, "size", size);
    return REEL_OK;
}

void reel_net_add_local_response_norm(reel_net *net, const reel_local_response_norm_config *config)
{
    static const reel_module_kind kind = {
        .name = "LocalResponseNorm", .forward = forward_lrn, .onnx = onnx_lrn};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}

/* Parameters as PyTorch names them: weight (gamma), bias (beta), running_mean, running_var. */
static reel_status setup_batch_norm(reel_module *m, reel_error *err)
{
    const reel_batch_norm2d_config *c = reel_module_config(m);
    static const reel_init zero = {REEL_INIT_CONSTANT, 0}, one = {REEL_INIT_CONSTANT, 1};
    if (c->channels <= 0)
        return reel_fail(err, REEL_ERR_INVALID, "expected positive channels, got %lld",
                         (long long)c->channels);
    REEL_TRY(reel_module_add_param(m, "weight", 1, &c->channels, 0, one, 1, 1, err));
    REEL_TRY(reel_module_add_param(m, "bias", 1, &c->channels, REEL_PARAM_BIAS, zero, 1, 1, err));
    REEL_TRY(reel_module_add_param(m, "running_mean", 1, &c->channels, REEL_PARAM_BUFFER, zero, 1,
                                   1, err));
    return reel_module_add_param(m, "running_var", 1, &c->channels, REEL_PARAM_BUFFER, one, 1, 1,
                                 err);
}

static reel_var forward_batch_norm(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_batch_norm2d_config *c = reel_module_config(m);
    const reel_batch_norm2d_attrs attrs = {.running_mean = reel_module_param_value(m, 2),
                                           .running_var = reel_module_param_value(m, 3),
                                           .momentum = c->momentum != 0 ? c->momentum : 0.1,
                                           .eps = c->eps,
                                           .training = reel_module_training(m)};
    return reel_batch_norm2d(x, reel_module_param(m, tape, 0), reel_module_param(m, tape, 1),
                             &attrs);
}

static reel_status onnx_batch_norm(const reel_module *m, reel_onnx *g, const reel_tensor *in,
                                   const reel_tensor *out, reel_error *err)
{
    const reel_batch_norm2d_config *c = reel_module_config(m);
    (void)in, (void)out, (void)err;
    reel_onnx_node(g, "BatchNormalization");
    reel_onnx_input(g);
    for (int k = 0; k < 4; k++)
        reel_onnx_param(g, m, k);
    reel_onnx_float(g, "epsilon", c->eps != 0 ? c->eps : 1e-5);
    return REEL_OK;
}

void reel_net_add_batch_norm2d(reel_net *net, const reel_batch_norm2d_config *config)
{
    static const reel_module_kind kind = {.name = "BatchNorm2d",
                                          .setup = setup_batch_norm,
                                          .forward = forward_batch_norm,
                                          .onnx = onnx_batch_norm};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}
