/* Dropout (Srivastava et al. 2014), inverted: scales by 1 / (1 - p) in training, so that evaluation
 * is the identity. */
#include "layers/onnx.h"

static reel_status setup(reel_module *m, reel_error *err)
{
    const reel_dropout_config *c = reel_module_config(m);
    if (!(c->p >= 0 && c->p < 1))
        return reel_fail(err, REEL_ERR_INVALID, "expected 0 <= p < 1, got %g", c->p);
    return REEL_OK;
}

static reel_var forward(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_dropout_config *c = reel_module_config(m);
    (void)tape;
    return reel_module_training(m) && c->p > 0 ? reel_dropout(x, c->p, reel_module_index(m)) : x;
}

/* The identity: no node. */
static reel_status onnx(const reel_module *m, reel_onnx *g, const reel_tensor *in,
                        const reel_tensor *out, reel_error *err)
{
    (void)m, (void)g, (void)in, (void)out, (void)err;
    return REEL_OK;
}

void reel_net_add_dropout(reel_net *net, const reel_dropout_config *config)
{
    static const reel_module_kind kind = {
        .name = "Dropout", .setup = setup, .forward = forward, .onnx = onnx};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}
