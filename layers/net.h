/* A network: an ordered tree of modules and the parameters they own.
 *
 *     reel_net *net;
 *     REEL_TRY(reel_net_create(&net, ctx, REEL_F32, err));
 *     reel_net_begin(net, "features");                                   a nested, named Sequential
 *     reel_net_conv2d(net, .in = 3, .out = 64, .kernel = 11, .stride = 4, .padding = 2);
 * "features.0" reel_net_relu(net); "features.1" reel_net_end(net); REEL_TRY(reel_net_build(net,
 * err)); reel_net_init(net);
 *
 * A layer without a name takes its position as its name, as PyTorch's Sequential does. Errors while
 * adding are sticky and reported by reel_net_build. A net is used by one thread at a time. */
#ifndef REEL_LAYERS_NET_H
#define REEL_LAYERS_NET_H

#include "core/ops.h"
#include "core/params.h"
#include "core/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_net reel_net;

REEL_API reel_status reel_net_create(reel_net **out, const reel_ctx *ctx, reel_dtype dtype,
                                     reel_error *err);
REEL_API void reel_net_destroy(reel_net *net);

/* Opens and closes a nested Sequential: the layers between belong to it, and its name and a dot
 * stand before theirs. */
REEL_API void reel_net_begin(reel_net *net, const char *name);
REEL_API void reel_net_end(reel_net *net);

/* Ends construction: allocates parameters. Reports the first error met while adding layers. */
REEL_API reel_status reel_net_build(reel_net *net, reel_error *err);
/* Draws all parameters as their layers' initialisers say, from the context's seed. */
REEL_API void reel_net_init(reel_net *net);
/* Draws one parameter again, by index in the store. */
REEL_API void reel_net_init_param(reel_net *net, int index);

/* Fits the drawn values to a batch of images: every convolution and linear layer's channels to mean
 * 0 and one deviation over that batch, the last layer's to output_scale (> 0), and then scales the
 * layers against each other so that all change at about the same rate. The last step leaves the
 * output as it is in nets of ReLU, leaky ReLU and pooling; where something between the layers is
 * not proportional to its input (tanh, local response normalisation), output_scale holds only
 * roughly. Training then starts at once where it would have waited at ln(classes)
 * (layers/calibrate.c says why). Once, after reel_net_init and before the first step, in evaluation
 * mode whatever the net's. REEL_ERR_NONFINITE, REEL_ERR_MEMORY, or what the layers say to the shape
 * of images. */
REEL_API reel_status reel_net_calibrate(reel_net *net, const reel_tensor *images,
                                        double output_scale, reel_error *err);

REEL_API reel_params *reel_net_params(const reel_net *net);
REEL_API const reel_ctx *reel_net_ctx(const reel_net *net);
REEL_API reel_dtype reel_net_dtype(const reel_net *net);

/* Training mode (the state after creation) or evaluation, for the whole tree. */
REEL_API void reel_net_set_training(reel_net *net, bool training);
REEL_API bool reel_net_training(const reel_net *net);

/* With fusion (the state after creation) layers that follow each other may run as one operator:
 * Conv2d + ReLU (+ MaxPool2d), Linear + ReLU. Without, every layer is an operator of its own whose
 * value can be looked at; same results within rounding. */
REEL_API void reel_net_set_fusion(reel_net *net, bool fusion);

/* Shows the value of each layer to `see` right after it was computed (of the last of them where
 * several run as one operator). It must be looked at there: later layers may free it. see NULL ends
 * it. */
typedef void reel_net_see(void *user, const char *layer, const char *kind, reel_var y);
REEL_API void reel_net_watch(reel_net *net, reel_net_see *see, void *user);

/* The value of the network on x; the tape must have the net's dtype. A failure is the tape's sticky
 * error. */
REEL_API reel_var reel_net_forward(reel_net *net, reel_tape *tape, reel_var x);

/* Uses the given values (one for each parameter and buffer of the store, in its order, alive on the
 * tape of the next forward) in place of the store's: for gradient checks and functions of the
 * parameters. NULL ends it. */
REEL_API void reel_net_bind(reel_net *net, const reel_var *params);

/* ---- initialisers ---- */
typedef enum {
    REEL_INIT_DEFAULT = 0, /* PyTorch's: kaiming_uniform(a = sqrt 5), that is U(+-1 / sqrt(fan_in)),
                              weights and biases */
    REEL_INIT_KAIMING_UNIFORM, /* U(+-sqrt(6 / fan_in)) (He et al. 2015, for ReLU) */
    REEL_INIT_KAIMING_NORMAL,  /* N(0, 2 / fan_in) */
    REEL_INIT_XAVIER_UNIFORM,  /* U(+-sqrt(6 / (fan_in + fan_out))) (Glorot and Bengio 2010) */
    REEL_INIT_XAVIER_NORMAL,   /* N(0, 2 / (fan_in + fan_out)) */
    REEL_INIT_GAUSSIAN,        /* N(0, value^2) */
    REEL_INIT_UNIFORM,         /* U(+-value) */
    REEL_INIT_CONSTANT         /* value */
} reel_init_kind;

typedef struct reel_init {
    reel_init_kind kind;
    double value;
} reel_init;

/* ---- layers; `name` may be NULL in all of them ---- */
typedef struct reel_conv2d_config {
    const char *name;
    int64_t in, out;
    int64_t kernel, kernel_w;     /* kernel_w 0 = kernel */
    int64_t stride, stride_w;     /* 0 = 1; stride_w 0 = stride */
    int64_t padding, padding_w;   /* padding_w 0 = padding; -1 = 0 */
    int64_t dilation, dilation_w; /* likewise, 0 = 1 */
    int64_t groups;               /* 0 = 1 */
    bool no_bias;
    reel_init weight_init, bias_init;
} reel_conv2d_config;

typedef struct reel_linear_config {
    const char *name;
    int64_t in, out;
    bool no_bias;
    reel_init weight_init, bias_init;
} reel_linear_config;

typedef struct reel_pool2d_config {
    const char *name;
    int64_t kernel, stride, padding; /* square; stride 0 = kernel */
    bool ceil_mode, exclude_padding;
} reel_pool2d_config;

typedef struct reel_adaptive_avg_pool2d_config {
    const char *name;
    int64_t height, width; /* width 0 = height */
} reel_adaptive_avg_pool2d_config;

typedef struct reel_dropout_config {
    const char *name;
    double p; /* share set to zero; 0 is allowed */
} reel_dropout_config;

typedef struct reel_local_response_norm_config {
    const char *name;
    int64_t size;
    double alpha, beta, k; /* defaults as in reel_local_response_norm_attrs */
    bool paper;
} reel_local_response_norm_config;

typedef struct reel_batch_norm2d_config {
    const char *name;
    int64_t channels;
    double eps, momentum; /* 0 = 1e-5, 0.1 */
} reel_batch_norm2d_config;

typedef struct reel_activation_config {
    const char *name;
    double slope; /* leaky ReLU: 0 = 0.01 */
} reel_activation_config;

typedef struct reel_plain_config {
    const char *name;
} reel_plain_config;

REEL_API void reel_net_add_conv2d(reel_net *net, const reel_conv2d_config *config);
REEL_API void reel_net_add_linear(reel_net *net, const reel_linear_config *config);
REEL_API void reel_net_add_max_pool2d(reel_net *net, const reel_pool2d_config *config);
REEL_API void reel_net_add_avg_pool2d(reel_net *net, const reel_pool2d_config *config);
REEL_API void reel_net_add_adaptive_avg_pool2d(reel_net *net,
                                               const reel_adaptive_avg_pool2d_config *config);
REEL_API void
reel_net_add_global_avg_pool(reel_net *net,
                             const reel_plain_config *config); /* (n, c, h, w) -> (n, c) */
REEL_API void reel_net_add_global_max_pool(reel_net *net, const reel_plain_config *config);
REEL_API void reel_net_add_dropout(reel_net *net, const reel_dropout_config *config);
REEL_API void reel_net_add_local_response_norm(reel_net *net,
                                               const reel_local_response_norm_config *config);
REEL_API void reel_net_add_batch_norm2d(reel_net *net, const reel_batch_norm2d_config *config);
REEL_API void reel_net_add_relu(reel_net *net, const reel_activation_config *config);
REEL_API void reel_net_add_leaky_relu(reel_net *net, const reel_activation_config *config);
REEL_API void reel_net_add_sigmoid(reel_net *net, const reel_activation_config *config);
REEL_API void reel_net_add_tanh(reel_net *net, const reel_activation_config *config);
REEL_API void reel_net_add_softmax(reel_net *net, const reel_activation_config *config);
REEL_API void reel_net_add_flatten(reel_net *net, const reel_plain_config *config);

/* In C, with named arguments: reel_net_conv2d(net, .in = 3, .out = 64, .kernel = 11). */
#ifndef __cplusplus
#define reel_net_conv2d(net, ...) reel_net_add_conv2d((net), &(reel_conv2d_config){__VA_ARGS__})
#define reel_net_linear(net, ...) reel_net_add_linear((net), &(reel_linear_config){__VA_ARGS__})
#define reel_net_max_pool2d(net, ...)                                                              \
    reel_net_add_max_pool2d((net), &(reel_pool2d_config){__VA_ARGS__})
#define reel_net_avg_pool2d(net, ...)                                                              \
    reel_net_add_avg_pool2d((net), &(reel_pool2d_config){__VA_ARGS__})
#define reel_net_adaptive_avg_pool2d(net, ...)                                                     \
    reel_net_add_adaptive_avg_pool2d((net), &(reel_adaptive_avg_pool2d_config){__VA_ARGS__})
#define reel_net_global_avg_pool(net, ...)                                                         \
    reel_net_add_global_avg_pool((net), &(reel_plain_config){__VA_ARGS__})
#define reel_net_global_max_pool(net, ...)                                                         \
    reel_net_add_global_max_pool((net), &(reel_plain_config){__VA_ARGS__})
#define reel_net_dropout(net, ...) reel_net_add_dropout((net), &(reel_dropout_config){__VA_ARGS__})
#define reel_net_local_response_norm(net, ...)                                                     \
    reel_net_add_local_response_norm((net), &(reel_local_response_norm_config){__VA_ARGS__})
#define reel_net_batch_norm2d(net, ...)                                                            \
    reel_net_add_batch_norm2d((net), &(reel_batch_norm2d_config){__VA_ARGS__})
#define reel_net_relu(net, ...) reel_net_add_relu((net), &(reel_activation_config){__VA_ARGS__})
#define reel_net_leaky_relu(net, ...)                                                              \
    reel_net_add_leaky_relu((net), &(reel_activation_config){__VA_ARGS__})
#define reel_net_sigmoid(net, ...)                                                                 \
    reel_net_add_sigmoid((net), &(reel_activation_config){__VA_ARGS__})
#define reel_net_tanh(net, ...) reel_net_add_tanh((net), &(reel_activation_config){__VA_ARGS__})
#define reel_net_softmax(net, ...)                                                                 \
    reel_net_add_softmax((net), &(reel_activation_config){__VA_ARGS__})
#define reel_net_flatten(net, ...) reel_net_add_flatten((net), &(reel_plain_config){__VA_ARGS__})
#endif

/* ---- looking at a net ---- */
typedef struct reel_layer_info {
    const char *name; /* full, "features.0" */
    const char *kind; /* "Conv2d" */
    int ndim;         /* of the output */
    int64_t shape[REEL_MAX_DIMS];
    int64_t parameters;
    int64_t multiply_adds; /* of one forward pass over the given batch: convolutions and linear
                              layers */
} reel_layer_info;

/* Runs shapes (and zeros) through a built net with input (n, c, h, w) and fills up to max entries,
 * one per leaf layer; *count is their number. A failure names the layer whose input is too small.
 */
REEL_API reel_status reel_net_describe(reel_net *net, const int64_t input[4], reel_layer_info *info,
                                       int max, int *count, reel_error *err);

/* What a step will take, in bytes. */
typedef struct reel_net_memory {
    size_t parameters; /* buffers included */
    size_t gradients; /* of the parameters that are trained now; an optimizer with momentum keeps as
                         much again */
    size_t activations; /* values, what forward keeps for backward, and their gradients: most at one
                           time */
    size_t scratch;     /* of the operator that takes most, for the duration of its call */
    size_t step;        /* activations and scratch as they lie in the tape's memory */
} reel_net_memory;

/* Runs a step on images of shape (n, c, h, w) through the tape's allocator, calling no operator and
 * touching no memory: forward in the net's mode, and with training cross entropy and backward. The
 * images themselves are not counted. What the layers say to the shape otherwise. */
REEL_API reel_status reel_net_plan(reel_net *net, const int64_t input[4], bool training,
                                   reel_net_memory *plan, reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
