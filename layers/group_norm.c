/* GroupNorm (Wu and He 2018): the channels of one image in groups, each group to mean 0 and
 * variance 1, then scaled and shifted by channel. Parameters as PyTorch names them: weight, bias.
 */
#include <inttypes.h>

#include "core/ops.h"
#include "layers/layers.h"
#include "layers/onnx_graph.h"

enum { WEIGHT, BIAS, N_PARAMS };

static const reel_layer_arg args[] = {
    REEL_ARG("num_groups", INT, reel_group_norm_config, groups, .min = 1, .max = INFINITY,
             .required = true),
    REEL_ARG("num_channels", INT, reel_group_norm_config, channels, .min = 1, .max = INFINITY,
             .required = true, .from_input = true),
    REEL_ARG("eps", REAL, reel_group_norm_config, eps, .fallback = 1e-5, .min = 0, .max = INFINITY),
    REEL_ARG("affine", NOT, reel_group_norm_config, no_affine),
};

static reel_status group_norm_layer_setup(reel_module *m, reel_error *err)
{
    const reel_group_norm_config *c = reel_module_config(m);
    if (c->channels % c->groups)
        return reel_fail(err, REEL_ERR_INVALID,
                         "num_groups: expected groups of equally many channels, got %" PRId64
                         " groups of %" PRId64 " channels",
                         c->groups, c->channels);
    if (c->no_affine)
        return REEL_OK;

    const reel_param_config weight = {.name = "weight",
                                      .ndim = 1,
                                      .shape = {c->channels},
                                      .flags = REEL_PARAM_NORM,
                                      .init = {REEL_INIT_CONSTANT, 1}};
    reel_param_config bias = weight;
    bias.name = "bias";
    bias.flags |= REEL_PARAM_BIAS;
    bias.init.value = 0;
    REEL_TRY(reel_module_add_param(m, &weight, err));
    return reel_module_add_param(m, &bias, err);
}

static reel_var group_norm_layer_forward(const reel_module *m, reel_var x)
{
    const reel_group_norm_config *c = reel_module_config(m);
    const reel_group_norm_attrs attrs = {.groups = c->groups, .eps = c->eps};
    if (c->no_affine)
        return reel_group_norm(x, REEL_NONE, REEL_NONE, &attrs);
    return reel_group_norm(x, reel_module_param(m, x.tape, WEIGHT),
                           reel_module_param(m, x.tape, BIAS), &attrs);
}

/* Opset 13 normalises channels, not groups: each group becomes a channel and back. The weights are
 * those of a batch norm of mean 0 and variance 1. */
static reel_status group_norm_layer_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    const reel_group_norm_config *c = reel_module_config(m);
    const reel_tensor *x = reel_onnx_shape_in(graph);
    /* 0 keeps a dimension, -1 takes what is left: (n, groups, numbers of a group), then back. */
    const int64_t grouped[] = {0, c->groups, -1};
    const int64_t back[] = {0, c->channels, x->ndim > 2 ? x->shape[2] : 1,
                            x->ndim > 2 ? x->shape[3] : 1};
    (void)err;

    reel_onnx_node(graph, "Reshape");
    reel_onnx_input(graph);
    reel_onnx_integers(graph, "grouped", grouped, REEL_COUNT(grouped));
    reel_onnx_node(graph, "InstanceNormalization");
    reel_onnx_input(graph);
    reel_onnx_vector(graph, "group_ones", c->groups, 1);
    reel_onnx_vector(graph, "group_zeros", c->groups, 0);
    reel_onnx_float(graph, "epsilon", c->eps);
    reel_onnx_node(graph, "Reshape");
    reel_onnx_input(graph);
    reel_onnx_integers(graph, "shape", back, x->ndim);
    if (c->no_affine)
        return REEL_OK;

    reel_onnx_node(graph, "BatchNormalization");
    reel_onnx_input(graph);
    reel_onnx_param(graph, m, WEIGHT);
    reel_onnx_param(graph, m, BIAS);
    reel_onnx_vector(graph, "zeros", c->channels, 0);
    reel_onnx_vector(graph, "ones", c->channels, 1);
    reel_onnx_float(graph, "epsilon", 0);
    return REEL_OK;
}

static void group_norm_layer_draw(reel_rng *rng, reel_layer_use *use, void *config)
{
    reel_group_norm_config *c = config;
    use->images[3] += 2; /* more than two numbers a group */
    c->groups = reel_draw_int(rng, 1, 3);
    c->channels = use->images[1] *= c->groups;
    c->eps = reel_draw_chance(rng, 0.5) ? 0 : reel_rng_range(rng, 1e-3, 0.5);
    c->no_affine = reel_draw_chance(rng, 0.3);
}

const reel_layer reel_layer_group_norm =
    REEL_LAYER(args, reel_group_norm_config, .name = "group_norm", .kind = "GroupNorm",
               .setup = group_norm_layer_setup, .forward = group_norm_layer_forward,
               .onnx = group_norm_layer_onnx, .draw = group_norm_layer_draw);
