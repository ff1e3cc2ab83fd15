/* LocalResponseNorm (Krizhevsky et al. 2012): divides each activation by a power of the sum of
 * squares of its neighbours in channel order; the formula stands with reel_local_response_norm. */
#include "layers/layers.h"

#include "core/ops.h"
#include "layers/onnx_graph.h"

static const reel_layer_arg args[] = {
    REEL_ARG("size", INT, reel_local_response_norm_config, size, .fallback = 5, .min = 1,
             .max = INFINITY),
    REEL_ARG("alpha", REAL, reel_local_response_norm_config, alpha, .fallback = 1e-4,
             .min = -INFINITY, .max = INFINITY),
    REEL_ARG("beta", REAL, reel_local_response_norm_config, beta, .fallback = 0.75,
             .min = -INFINITY, .max = INFINITY),
    REEL_ARG("k", REAL, reel_local_response_norm_config, k, .fallback = 1, .min = -INFINITY,
             .max = INFINITY),
    REEL_ARG("paper", BOOL, reel_local_response_norm_config, paper),
};

static reel_var local_response_norm_layer_forward(const reel_module *m, reel_var x)
{
    const reel_local_response_norm_config *c = reel_module_config(m);
    const reel_local_response_norm_attrs attrs = {
        .size = c->size, .alpha = c->alpha, .beta = c->beta, .k = c->k, .paper = c->paper};
    return reel_local_response_norm(x, &attrs);
}

/* ONNX divides alpha by the window; its window of an even size leans the other way. */
static reel_status local_response_norm_layer_onnx(const reel_module *m, reel_onnx *graph,
                                                  reel_error *err)
{
    const reel_local_response_norm_config *c = reel_module_config(m);
    if (c->size % 2 == 0)
        return reel_fail(err, REEL_ERR_INVALID, "expected a window of an odd size, got %lld",
                         (long long)c->size);

    reel_onnx_node(graph, "LRN");
    reel_onnx_input(graph);
    reel_onnx_float(graph, "alpha", c->paper ? c->alpha * (double)c->size : c->alpha);
    reel_onnx_float(graph, "beta", c->beta);
    reel_onnx_float(graph, "bias", c->k);
    reel_onnx_int(graph, "size", c->size);
    return REEL_OK;
}

static void local_response_norm_layer_draw(reel_rng *rng, reel_layer_use *use, void *config)
{
    reel_local_response_norm_config *c = config;
    use->images[1] += reel_draw_int(rng, 0, 5);
    c->size = reel_draw_int(rng, 0, 7);
    c->alpha = reel_rng_range(rng, 0.01, 2);
    c->beta = reel_rng_range(rng, 0.3, 1.2);
    c->k = reel_rng_range(rng, 0.5, 2);
    c->paper = reel_draw_chance(rng, 0.3);
}

const reel_layer reel_layer_local_response_norm =
    REEL_LAYER(args, reel_local_response_norm_config, .name = "local_response_norm",
               .kind = "LocalResponseNorm", .forward = local_response_norm_layer_forward,
               .onnx = local_response_norm_layer_onnx, .draw = local_response_norm_layer_draw);
