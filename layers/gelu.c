/* GELU (Hendrycks and Gimpel 2016): y = x Phi(x), Phi the normal distribution: with erf, or with
 * tanh in its place. */
#include "core/ops.h"
#include "layers/layers.h"
#include "layers/onnx_graph.h"

static const char *const approximations[] = {
    [REEL_GELU_NONE] = "none", [REEL_GELU_TANH] = "tanh", NULL};

static const reel_layer_arg args[] = {
    REEL_ARG("approximate", WORD, reel_gelu_config, approximate, .words = approximations),
};

static reel_var gelu_layer_forward(const reel_module *m, reel_var x)
{
    const reel_gelu_config *c = reel_module_config(m);
    return c->approximate == REEL_GELU_TANH ? reel_gelu_tanh(x) : reel_gelu(x);
}

static void gelu_layer_draw(reel_rng *rng, reel_layer_use *use, void *config)
{
    reel_gelu_config *c = config;
    (void)use;
    c->approximate = reel_draw_int(rng, REEL_GELU_NONE, REEL_GELU_TANH);
}

/* A node that reads the value before it and one number. */
static void gelu_node(reel_onnx *graph, const char *op, const char *constant, float value)
{
    reel_onnx_node(graph, op);
    reel_onnx_input(graph);
    reel_onnx_constant(graph, constant, 1, 1, &value);
}

/* Opset 13 has no Gelu: x (1 + erf(x / sqrt 2)) / 2, or x (1 + tanh(x (a + b x^2))) / 2. */
static reel_status gelu_layer_onnx(const reel_module *m, reel_onnx *graph, reel_error *err)
{
    const reel_gelu_config *c = reel_module_config(m);
    const double root = 0x1.9884533d43651p-1; /* sqrt(2 / pi) */
    (void)err;
    if (c->approximate == REEL_GELU_TANH) {
        reel_onnx_node(graph, "Mul");
        reel_onnx_input(graph);
        reel_onnx_input(graph);
        gelu_node(graph, "Mul", "cubic", (float)(root * 0.044715));
        gelu_node(graph, "Add", "root", (float)root);
        reel_onnx_node(graph, "Mul");
        reel_onnx_input(graph);
        reel_onnx_layer_input(graph);
        reel_onnx_node(graph, "Tanh");
    } else {
        gelu_node(graph, "Mul", "root_half", 0x1.6a09e6p-1f);
        reel_onnx_node(graph, "Erf");
    }
    reel_onnx_input(graph);

    gelu_node(graph, "Add", "one", 1);
    reel_onnx_node(graph, "Mul");
    reel_onnx_input(graph);
    reel_onnx_layer_input(graph);
    gelu_node(graph, "Mul", "half", 0.5F);
    return REEL_OK;
}

const reel_layer reel_layer_gelu =
    REEL_LAYER(args, reel_gelu_config, .name = "gelu", .kind = "GELU",
               .forward = gelu_layer_forward, .onnx = gelu_layer_onnx, .draw = gelu_layer_draw);
