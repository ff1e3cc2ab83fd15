/* Activations, and Flatten: layers without parameters that are one operator each. */
#include "layers/net_internal.h"
#include "layers/onnx.h"

static reel_var forward_relu(const reel_module *m, reel_tape *tape, reel_var x)
{
    (void)m, (void)tape;
    return reel_relu(x);
}

static reel_var forward_leaky_relu(const reel_module *m, reel_tape *tape, reel_var x)
{
    const reel_activation_config *c = reel_module_config(m);
    (void)tape;
    return reel_leaky_relu(x, c->slope != 0 ? c->slope : 0.01);
}

static reel_var forward_sigmoid(const reel_module *m, reel_tape *tape, reel_var x)
{
    (void)m, (void)tape;
    return reel_sigmoid(x);
}

static reel_var forward_tanh(const reel_module *m, reel_tape *tape, reel_var x)
{
    (void)m, (void)tape;
    return reel_tanh(x);
}

static reel_var forward_softmax(const reel_module *m, reel_tape *tape, reel_var x)
{
    (void)m, (void)tape;
    return reel_softmax(x);
}

static reel_var forward_flatten(const reel_module *m, reel_tape *tape, reel_var x)
{
    (void)m, (void)tape;
    return reel_flatten(x);
}

/* ---- ONNX: one node each ---- */
#define ONE_NODE(function, op_type)                                                                \
    static reel_status function(const reel_module *m, reel_onnx *g, const reel_tensor *in,         \
                                const reel_tensor *out, reel_error *err)                           \
    {                                                                                              \
        (void)m, (void)in, (void)out, (void)err;                                                   \
        reel_onnx_node(g, op_type);                                                                \
        reel_onnx_input(g);                                                                        \
        return REEL_OK;                                                                            \
    }
ONE_NODE(onnx_relu, "Relu")
ONE_NODE(onnx_sigmoid, "Sigmoid")
ONE_NODE(onnx_tanh, "Tanh")
ONE_NODE(onnx_softmax, "Softmax") /* over the last dimension, as is its default */
ONE_NODE(onnx_flatten, "Flatten") /* from dimension 1, as is its default */

static reel_status onnx_leaky_relu(const reel_module *m, reel_onnx *g, const reel_tensor *in,
                                   const reel_tensor *out, reel_error *err)
{
    const reel_activation_config *c = reel_module_config(m);
    (void)in, (void)out, (void)err;
    reel_onnx_node(g, "LeakyRelu");
    reel_onnx_input(g);
    reel_onnx_float(g, "alpha", c->slope != 0 ? c->slope : 0.01);
    return REEL_OK;
}

static void add(reel_net *net, const reel_module_kind *kind, const reel_activation_config *config)
{
    reel_net_add(net, kind, config->name, config, sizeof *config);
}

const reel_module_kind reel_relu_kind = {
    .name = "ReLU", .forward = forward_relu, .onnx = onnx_relu};

void reel_net_add_relu(reel_net *net, const reel_activation_config *config)
{
    add(net, &reel_relu_kind, config);
}

void reel_net_add_leaky_relu(reel_net *net, const reel_activation_config *config)
{
    static const reel_module_kind kind = {
        .name = "LeakyReLU", .forward = forward_leaky_relu, .onnx = onnx_leaky_relu};
    add(net, &kind, config);
}

void reel_net_add_sigmoid(reel_net *net, const reel_activation_config *config)
{
    static const reel_module_kind kind = {
        .name = "Sigmoid", .forward = forward_sigmoid, .onnx = onnx_sigmoid};
    add(net, &kind, config);
}

void reel_net_add_tanh(reel_net *net, const reel_activation_config *config)
{
    static const reel_module_kind kind = {
        .name = "Tanh", .forward = forward_tanh, .onnx = onnx_tanh};
    add(net, &kind, config);
}

void reel_net_add_softmax(reel_net *net, const reel_activation_config *config)
{
    static const reel_module_kind kind = {
        .name = "Softmax", .forward = forward_softmax, .onnx = onnx_softmax};
    add(net, &kind, config);
}

void reel_net_add_flatten(reel_net *net, const reel_plain_config *config)
{
    static const reel_module_kind kind = {
        .name = "Flatten", .forward = forward_flatten, .onnx = onnx_flatten};
    reel_net_add(net, &kind, config->name, config, sizeof *config);
}
