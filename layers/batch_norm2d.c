/* BatchNorm2d (Ioffe and Szegedy 2015): each channel to mean 0 and variance 1, then scaled and
 * shifted. Parameters as PyTorch names them, all of shape (channels): weight (gamma), bias (beta),
 * running_mean, running_var. */
#include "layers/layers.h"

#include "core/ops.h"
#include "layers/fusion.h"
#include "layers/onnx_graph.h"

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR, N_PARAMS };

static const reel_layer_arg args[] = {
    REEL_ARG("num_features", INT, reel_batch_norm2d_config, channels, .min = 1, .max = INFINITY,
             .required = true, .from_input = true),
    REEL_ARG("eps", REAL, reel_batch_norm2d_config, eps, .fallback = 1e-5, .min = -INFINITY,
             .max = INFINITY),
    REEL_ARG("momentum", REAL, reel_batch_norm2d_config, momentum, .fallback = 0.1,
             .min = -INFINITY, .max = INFINITY),
};

static reel_status batch_norm2d_layer_setup(reel_module *m, reel_error *err)
{
    /* It begins as plain normalisation, with the running statistics of normalised data. */
    static const struct {
        const char *name;
        unsigned flags;
        double initial;
    } rows[N_PARAMS] = {
        [WEIGHT] = {"weight", REEL_PARAM_NORM, 1},
        [BIAS] = {"bias", REEL_PARAM_BIAS | REEL_PARAM_NORM, 0},
        [RUNNING_MEAN] = {"running_mean", REEL_PARAM_BUFFER, 0},
        [RUNNING_VAR] = {"running_var", REEL_PARAM_BUFFER, 1},
    };
    const reel_batch_norm2d_config *c = reel_module_config(m);

    for (int i = 0; i < N_PARAMS; i++) {
        const reel_param_config param = {.name = rows[i].name,
                                         .ndim = 1,
                                         .shape = {c->channels},
                                         .flags = rows[i].flags,
                                         .init = {REEL_INIT_CONSTANT, rows[i].initial}};
        REEL_TRY(reel_module_add_param(m, &param, err));
    }
    return REEL_OK;
}

static reel_var batch_norm2d_layer_rectified(const reel_module *m, reel_var x,
                                             reel_rectifier rectifier)
{
    const reel_batch_norm2d_config *c = reel_module_config(m);
    const reel_batch_norm2d_attrs attrs = {.running_mean = reel_module_param_value(m, RUNNING_MEAN),
                                           .running_var = reel_module_param_value(m, RUNNING_VAR),
                                           .momentum = c->momentum,
                                           .eps = c->eps,
                                           .training = reel_module_training(m),
                                           .rectifier = rectifier};
    return reel_batch_norm2d(x, reel_module_param(m, x.tape, WEIGHT),
                             reel_module_param(m, x.tape, BIAS), &attrs);
}

static reel_var batch_norm2d_layer_forward(const reel_module *m, reel_var x)
{
    return batch_norm2d_layer_rectified(m, x, REEL_RECTIFIER_NONE);
}

/* ReLU or ReLU6 cuts off what is written, and only x is kept for the gradients. */
static reel_var batch_norm2d_layer_forward_with(const reel_module *m,
                                                const reel_module *const *next, int n_next,
                                                reel_var x, int *taken)
{
    const bool relu = reel_follows(next, n_next, 0, &reel_layer_relu);
    if (!relu && !reel_follows(next, n_next, 0, &reel_layer_relu6))
        return batch_norm2d_layer_forward(m, x);
    *taken = 1;
    return batch_norm2d_layer_rectified(m, x, relu ? REEL_RECTIFIER_RELU : REEL_RECTIFIER_RELU6);
}

static reel_status batch_norm2d_layer_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    const reel_batch_norm2d_config *c = reel_module_config(m);
    (void)err;
    reel_onnx_node(graph, "BatchNormalization");
    reel_onnx_input(graph);
    for (int k = 0; k < N_PARAMS; k++)
        reel_onnx_param(graph, m, k);
    reel_onnx_float(graph, "epsilon", c->eps);
    return REEL_OK;
}

static void batch_norm2d_layer_draw(reel_rng *rng, reel_layer_use *use, void *config)
{
    reel_batch_norm2d_config *c = config;
    use->images[3] += 2; /* more than two numbers a channel */
    c->channels = use->images[1];
    c->eps = reel_draw_chance(rng, 0.5) ? 0 : reel_rng_range(rng, 1e-3, 0.5);
    use->evaluation = reel_draw_chance(rng, 0.3);
}

const reel_layer reel_layer_batch_norm2d =
    REEL_LAYER(args, reel_batch_norm2d_config, .name = "batch_norm2d", .kind = "BatchNorm2d",
               .setup = batch_norm2d_layer_setup, .forward = batch_norm2d_layer_forward,
               .forward_with = batch_norm2d_layer_forward_with, .onnx = batch_norm2d_layer_onnx,
               .draw = batch_norm2d_layer_draw);
