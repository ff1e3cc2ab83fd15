/* A network: an ordered tree of layers and the parameters they own.
 *
 *     reel_net *net;
 *     REEL_TRY(reel_net_create(&net, ctx, REEL_F32, err));
 *     reel_net_begin(net, "features");        // a nested, named Sequential
 *     reel_net_conv2d(net, .in = 3, .out = 64, .kernel = 11, .stride = 4, .padding = 2);
 *     reel_net_relu(net);                     // "features.1"
 *     reel_net_end(net);
 *     REEL_TRY(reel_net_build(net, err));
 *     reel_net_init(net);
 *
 * A layer without a name takes its position as its name, as PyTorch's Sequential does. Errors while
 * adding are sticky: reel_net_build reports the first. A net is used by one thread at a time. */
#ifndef REEL_LAYERS_NET_H
#define REEL_LAYERS_NET_H

#include "core/ops.h"
#include "layers/layers.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_net reel_net;

REEL_API reel_status reel_net_create(reel_net **out, const reel_ctx *ctx, reel_dtype dtype,
                                     reel_error *err);
REEL_API void reel_net_destroy(reel_net *net);

/* Opens and closes a nested Sequential. The layers between belong to it, and their names begin with
 * its name and a dot. */
REEL_API void reel_net_begin(reel_net *net, const char *name);
REEL_API void reel_net_end(reel_net *net);

/* Opens a join: all that is added to it, up to its reel_net_end, is a branch that reads the join's
 * input. The join's value is the sum of the branches, their concatenation, or the input scaled by
 * channel: the first branch gives the factors (n, c, 1, 1), the second is the input. A branch is
 * one layer, a Sequential, or what stands between reel_net_begin_branch and reel_net_end; without
 * layers it is the input itself. Joins and branches are no part of names. A residual block:
 *
 *     reel_net_begin_join(net, REEL_JOIN_ADD);
 *     reel_net_begin_branch(net);
 *     reel_net_conv2d(net, .name = "conv1", .in = 64, .out = 64, .kernel = 3, .padding = 1);
 *     reel_net_end(net);
 *     reel_net_begin_branch(net);             // the shortcut
 *     reel_net_end(net);
 *     reel_net_end(net);
 */
REEL_API void reel_net_begin_join(reel_net *net, reel_join join);
REEL_API void reel_net_begin_branch(reel_net *net);

/* The first error met while adding layers, before reel_net_build reports it. */
REEL_API reel_status reel_net_status(const reel_net *net, reel_error *err);
/* A line of the net's text that may not mean what its writer thinks, such as PyTorch's order of
 * arguments. "" = none. Lives as long as the net. */
REEL_API const char *reel_net_note(const reel_net *net);
/* Ends construction: allocates parameters. Reports the first error met while adding layers. */
REEL_API reel_status reel_net_build(reel_net *net, reel_error *err);
/* Draws all parameters by their layers' initialisers, from the context's seed. */
REEL_API void reel_net_init(reel_net *net);
/* Draws one parameter again, by index in the store. */
REEL_API void reel_net_init_param(reel_net *net, int index);

/* Fits the drawn values to a batch of images. Every channel of every convolution and linear layer
 * gets mean 0 and deviation 1 over that batch, the last layer's output deviation output_scale (>
 * 0). Then the layers are scaled against each other so that all change at about the same rate.
 * Without this, a deep net without batch norm may stay at a loss of ln(classes) for many epochs
 * (layers/calibrate.c explains it).
 *
 * Call it once, after reel_net_init and before the first step. It runs in evaluation mode, whatever
 * the net's mode. In nets of ReLU, leaky ReLU and pooling output_scale holds exactly; with layers
 * that are not proportional to their input (tanh, local response normalisation) only roughly.
 * Fails with REEL_ERR_NONFINITE, REEL_ERR_MEMORY, or when the images have a wrong shape. */
REEL_API reel_status reel_net_calibrate(reel_net *net, const reel_tensor *images,
                                        double output_scale, reel_error *err);

REEL_API reel_params *reel_net_params(const reel_net *net);
REEL_API const reel_ctx *reel_net_ctx(const reel_net *net);
REEL_API reel_dtype reel_net_dtype(const reel_net *net);

/* The kind of the layer or join that gives a built net's value: "Linear". NULL = it has none. */
REEL_API const char *reel_net_last_kind(const reel_net *net);

/* Training mode (the state after creation) or evaluation, for the whole tree. */
REEL_API void reel_net_set_training(reel_net *net, bool training);
REEL_API bool reel_net_training(const reel_net *net);

/* With fusion (the state after creation) layers that follow each other may run as one operator:
 * Conv2d + ReLU (+ MaxPool2d), Linear + ReLU. Without fusion every layer is an operator of its own,
 * whose value can be watched. The results agree within rounding. */
REEL_API void reel_net_set_fusion(reel_net *net, bool fusion);

/* Calls `watch` with the value of each layer right after it was computed; where several layers run
 * as one operator, with the last one's. The value is valid during the call only: later layers may
 * free it. It may be stored in bf16 (core/tape.h). NULL ends it. */
typedef void reel_net_watch_fn(void *user, const char *layer, const char *kind, reel_var y);
REEL_API void reel_net_watch(reel_net *net, reel_net_watch_fn *watch, void *user);

/* The value of the network on x, in the net's dtype also where the tape stores bf16; the tape must
 * have the net's dtype. A failure is the tape's sticky error. */
REEL_API reel_var reel_net_forward(reel_net *net, reel_tape *tape, reel_var x);

/* Uses other values in place of the parameters: one for each parameter and buffer of the store, in
 * its order, on the tape of the next forward. For gradient checks and functions of the parameters.
 * NULL ends it. */
REEL_API void reel_net_bind(reel_net *net, const reel_var *params);

/* ---- layers ---- */

/* Appends a layer to the open Sequential: one of the library's or one of your own. config is the
 * layer's config struct and is copied; NULL: all defaults. layer NULL is an error that
 * reel_net_build reports. */
REEL_API void reel_net_add(reel_net *net, const reel_layer *layer, const void *config);

/* The same by name, with arguments as text in PyTorch's words:
 *
 *     reel_net_layer(net, "conv2d", "in_channels=3, out_channels=64, kernel_size=11, stride=4");
 *     reel_net_layer(net, "relu", NULL);
 *
 * This reaches every layer in the table (layers/layers.h), also one that has no macro below. */
REEL_API void reel_net_layer(reel_net *net, const char *layer, const char *arguments);

/* The same with checked types. In C, with named settings: reel_net_conv2d(net, .in = 3, .out = 64,
 * .kernel = 11). In C++, with a struct: reel_net_conv2d(net, config), in C++20 also
 * reel_net_conv2d(net, {.in = 3, .out = 64, .kernel = 11}). */
#ifndef __cplusplus
#define REEL_NET_ADD_(net, layer, type, ...)                                                       \
    reel_net_add((net), reel_layer_find(layer), &(type){__VA_ARGS__})
#define reel_net_conv2d(net, ...) REEL_NET_ADD_(net, "conv2d", reel_conv2d_config, __VA_ARGS__)
#define reel_net_linear(net, ...) REEL_NET_ADD_(net, "linear", reel_linear_config, __VA_ARGS__)
#define reel_net_max_pool2d(net, ...)                                                              \
    REEL_NET_ADD_(net, "max_pool2d", reel_pool2d_config, __VA_ARGS__)
#define reel_net_avg_pool2d(net, ...)                                                              \
    REEL_NET_ADD_(net, "avg_pool2d", reel_pool2d_config, __VA_ARGS__)
#define reel_net_adaptive_avg_pool2d(net, ...)                                                     \
    REEL_NET_ADD_(net, "adaptive_avg_pool2d", reel_adaptive_avg_pool2d_config, __VA_ARGS__)
#define reel_net_global_avg_pool(net, ...)                                                         \
    REEL_NET_ADD_(net, "global_avg_pool", reel_layer_config, __VA_ARGS__)
#define reel_net_global_max_pool(net, ...)                                                         \
    REEL_NET_ADD_(net, "global_max_pool", reel_layer_config, __VA_ARGS__)
#define reel_net_dropout(net, ...) REEL_NET_ADD_(net, "dropout", reel_dropout_config, __VA_ARGS__)
#define reel_net_local_response_norm(net, ...)                                                     \
    REEL_NET_ADD_(net, "local_response_norm", reel_local_response_norm_config, __VA_ARGS__)
#define reel_net_batch_norm2d(net, ...)                                                            \
    REEL_NET_ADD_(net, "batch_norm2d", reel_batch_norm2d_config, __VA_ARGS__)
#define reel_net_group_norm(net, ...)                                                              \
    REEL_NET_ADD_(net, "group_norm", reel_group_norm_config, __VA_ARGS__)
#define reel_net_relu(net, ...) REEL_NET_ADD_(net, "relu", reel_layer_config, __VA_ARGS__)
#define reel_net_relu6(net, ...) REEL_NET_ADD_(net, "relu6", reel_layer_config, __VA_ARGS__)
#define reel_net_leaky_relu(net, ...)                                                              \
    REEL_NET_ADD_(net, "leaky_relu", reel_leaky_relu_config, __VA_ARGS__)
#define reel_net_gelu(net, ...) REEL_NET_ADD_(net, "gelu", reel_gelu_config, __VA_ARGS__)
#define reel_net_silu(net, ...) REEL_NET_ADD_(net, "silu", reel_layer_config, __VA_ARGS__)
#define reel_net_hardswish(net, ...) REEL_NET_ADD_(net, "hardswish", reel_layer_config, __VA_ARGS__)
#define reel_net_hardsigmoid(net, ...)                                                             \
    REEL_NET_ADD_(net, "hardsigmoid", reel_layer_config, __VA_ARGS__)
#define reel_net_sigmoid(net, ...) REEL_NET_ADD_(net, "sigmoid", reel_layer_config, __VA_ARGS__)
#define reel_net_tanh(net, ...) REEL_NET_ADD_(net, "tanh", reel_layer_config, __VA_ARGS__)
#define reel_net_softmax(net, ...) REEL_NET_ADD_(net, "softmax", reel_layer_config, __VA_ARGS__)
#define reel_net_identity(net, ...) REEL_NET_ADD_(net, "identity", reel_layer_config, __VA_ARGS__)
#define reel_net_flatten(net, ...) REEL_NET_ADD_(net, "flatten", reel_layer_config, __VA_ARGS__)
#else
#define REEL_NET_ADD_(layer, type)                                                                 \
    static inline void reel_net_##layer(reel_net *net, const type &config = type())                \
    {                                                                                              \
        reel_net_add(net, reel_layer_find(#layer), &config);                                       \
    }
REEL_NET_ADD_(conv2d, reel_conv2d_config)
REEL_NET_ADD_(linear, reel_linear_config)
REEL_NET_ADD_(max_pool2d, reel_pool2d_config)
REEL_NET_ADD_(avg_pool2d, reel_pool2d_config)
REEL_NET_ADD_(adaptive_avg_pool2d, reel_adaptive_avg_pool2d_config)
REEL_NET_ADD_(global_avg_pool, reel_layer_config)
REEL_NET_ADD_(global_max_pool, reel_layer_config)
REEL_NET_ADD_(dropout, reel_dropout_config)
REEL_NET_ADD_(local_response_norm, reel_local_response_norm_config)
REEL_NET_ADD_(batch_norm2d, reel_batch_norm2d_config)
REEL_NET_ADD_(group_norm, reel_group_norm_config)
REEL_NET_ADD_(relu, reel_layer_config)
REEL_NET_ADD_(relu6, reel_layer_config)
REEL_NET_ADD_(leaky_relu, reel_leaky_relu_config)
REEL_NET_ADD_(gelu, reel_gelu_config)
REEL_NET_ADD_(silu, reel_layer_config)
REEL_NET_ADD_(hardswish, reel_layer_config)
REEL_NET_ADD_(hardsigmoid, reel_layer_config)
REEL_NET_ADD_(sigmoid, reel_layer_config)
REEL_NET_ADD_(tanh, reel_layer_config)
REEL_NET_ADD_(softmax, reel_layer_config)
REEL_NET_ADD_(identity, reel_layer_config)
REEL_NET_ADD_(flatten, reel_layer_config)
#endif

/* ---- looking at a net ---- */

/* The index of the weight whose rows are the classes: of the layer that a text gave `classes`, or
 * of the last layer that has a weight; -1 = there is none. */
REEL_API int reel_net_output_param(const reel_net *net);

typedef struct reel_layer_info {
    const char *name; /* full, "features.0" */
    const char *kind; /* "Conv2d" */
    int ndim;         /* of the output */
    int64_t shape[REEL_MAX_DIMS];
    int64_t parameters;
    int64_t multiply_adds; /* of one forward pass over the given batch: convolutions and linear
                              layers */
} reel_layer_info;

/* Runs zeros of shape (n, c, h, w) through a built net and fills up to max entries, one for each
 * layer; *count is their number. A failure names the layer whose input is too small. */
REEL_API reel_status reel_net_describe(reel_net *net, const int64_t input[4], reel_layer_info *info,
                                       int max, int *count, reel_error *err);

/* The memory of one step, in bytes. */
typedef struct reel_net_memory {
    size_t parameters; /* buffers included */
    size_t gradients; /* of the parameters that are trained now; an optimizer with momentum keeps as
                         much again */
    size_t activations; /* values, what forward keeps for backward, and their gradients: most at one
                           time */
    size_t scratch;     /* of the operator that takes most, for the duration of its call */
    size_t step;        /* activations and scratch as they lie in the tape's memory */
} reel_net_memory;

/* From here on reel_net_plan for training, and reel_net_fit, take a batch as so many pieces of one
 * size (core/pieces.h); a batch that the pieces do not divide as one. As at first: 1. */
REEL_API void reel_net_plan_pieces(reel_net *net, int64_t pieces);

/* Plans a step on images of shape (n, c, h, w): runs it through the tape's allocator without
 * calling an operator or touching memory. The step is forward in the net's mode, and with
 * `training` cross entropy and backward. The images themselves are not counted. */
REEL_API reel_status reel_net_plan(reel_net *net, const int64_t input[4], bool training,
                                   reel_net_memory *plan, reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
