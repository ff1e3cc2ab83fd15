/* Dropout (Srivastava et al. 2014), inverted: scales by 1 / (1 - p) in training, so that evaluation
 * is the identity. */
#include "layers/layers.h"

#include "core/ops.h"

static const reel_layer_arg args[] = {
    REEL_ARG("p", REAL, reel_dropout_config, p, .min = 0, .max = 1, .below = true,
             .required = true),
};

static reel_var dropout_layer_forward(const reel_module *m, reel_var x)
{
    const reel_dropout_config *c = reel_module_config(m);
    if (!reel_module_training(m) || c->p == 0)
        return x;
    return reel_dropout(x, c->p, reel_module_index(m));
}

/* The identity: no node. */
static reel_status dropout_layer_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    (void)m, (void)graph, (void)err;
    return REEL_OK;
}

static void dropout_layer_draw(reel_rng *rng, reel_layer_use *use, void *config)
{
    reel_dropout_config *c = config;
    (void)use;
    c->p = reel_rng_range(rng, 0, 0.9);
}

const reel_layer reel_layer_dropout = REEL_LAYER(
    args, reel_dropout_config, .name = "dropout", .kind = "Dropout",
    .forward = dropout_layer_forward, .onnx = dropout_layer_onnx, .draw = dropout_layer_draw);
