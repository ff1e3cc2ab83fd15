/* Linear: y = x W^T + b; weight (out, in), bias (out). Default init as PyTorch's: U(+-1 /
 * sqrt(in)). */
#include "layers/net_internal.h"
#include "layers/onnx.h"

static reel_status setup(reel_module *m, reel_error *err)
{
    const reel_linear_config *c = reel_module_config(m);
    if (c->in <= 0 || c->out <= 0)
        return reel_fail(err, REEL_ERR_INVALID, "expected positive in and out, got %lld, %lld",
                         (long long)c->in, (long long)c->out);
    REEL_TRY(reel_module_add_param(m, "weight", 2, (int64_t[]){c->out, c->in}, 0, c->weight_init,
                                   c->in, c->out, err));
    if (c->no_bias)
        return REEL_OK;
    return reel_module_add_param(m, "bias", 1, &c->out, REEL_PARAM_BIAS, c->bias_init, c->in,
                                 c->out, err);
}

static reel_var forward(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_linear_config *c = reel_module_config(m);
    return reel_linear(x, reel_module_param(m, tape, 0),
                       c->no_bias ? REEL_NONE : reel_module_param(m, tape, 1));
}

static reel_var forward_with(const reel_module *m, const reel_module *const *next, int n_next,
                             reel_tape *tape, reel_var x, int *taken)
{
    if (n_next < 1 || next[0]->kind != &reel_relu_kind)
        return forward(m, tape, x);
    const reel_linear_config *c = reel_module_config(m);
    *taken = 1;
    return reel_linear_relu(x, reel_module_param(m, tape, 0),
                            c->no_bias ? REEL_NONE : reel_module_param(m, tape, 1));
}

static int64_t multiply_adds(const reel_module *m, const reel_tensor *in, const reel_tensor *out)
{
    const reel_linear_config *c = reel_module_config(m);
    (void)in;
    return reel_tensor_numel(out) * c->in;
}

static reel_status onnx(const reel_module *m, reel_onnx *g, const reel_tensor *in,
                        const reel_tensor *out, reel_error *err)
{
    const reel_linear_config *c = reel_module_config(m);
    (void)out;
    if (in->ndim != 2)
        return reel_fail(err, REEL_ERR_INVALID, "Gemm takes a matrix, got rank %d", in->ndim);
    reel_onnx_node(g, "Gemm");
    reel_onnx_input(g);
    reel_onnx_param(g, m, 0);
    if (!c->no_bias)
        reel_onnx_param(g, m, 1);
    reel_onnx_int(g, "transB", 1);
    return REEL_OK;
}

void reel_net_add_linear(reel_net *net, const reel_linear_config *config)
{
    static const reel_module_kind kind = {.name = "Linear",
                                          .setup = setup,
                                          .forward = forward,
                                          .multiply_adds = multiply_adds,
                                          .forward_with = forward_with,
                                          .onnx = onnx};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}
