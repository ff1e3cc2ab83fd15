/* The library's layers: their settings, and the table that finds them by name.
 *
 * In every config 0 stands for the default that the comment gives. `name` may be NULL everywhere:
 * the layer is then named by its position. The argument table in layers/NAME.c has the ranges. */
#ifndef REEL_LAYERS_LAYERS_H
#define REEL_LAYERS_LAYERS_H

#include "layers/module.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the table: one entry for each layers/NAME.c ---- */
REEL_API int reel_layer_count(void);
REEL_API const reel_layer *reel_layer_at(int index);
REEL_API const reel_layer *reel_layer_find(const char *name); /* "conv2d"; NULL if unknown */

/* ---- settings ---- */
typedef struct reel_conv2d_config {
    const char *name;
    int64_t in, out;              /* channels */
    int64_t kernel, kernel_w;     /* height and width; kernel_w 0 = kernel */
    int64_t stride, stride_w;     /* 0 = 1; stride_w 0 = stride */
    int64_t padding;              /* on all four sides */
    int64_t padding_h, padding_w; /* instead: above and below, left and right */
    int64_t dilation, dilation_w; /* 0 = 1; dilation_w 0 = dilation */
    int64_t groups;               /* 0 = 1 */
    bool no_bias;
    reel_init weight_init, bias_init;
} reel_conv2d_config;

typedef struct reel_linear_config {
    const char *name;
    int64_t in, out; /* features */
    bool no_bias;
    reel_init weight_init, bias_init;
} reel_linear_config;

typedef struct reel_pool2d_config {
    const char *name;
    int64_t kernel, stride, padding; /* square; stride 0 = kernel */
    bool ceil_mode, exclude_padding; /* core/ops.h */
} reel_pool2d_config;

typedef struct reel_adaptive_avg_pool2d_config {
    const char *name;
    int64_t height, width; /* of the output; width 0 = height */
} reel_adaptive_avg_pool2d_config;

typedef struct reel_dropout_config {
    const char *name;
    double p; /* share of the elements set to zero in training; 0 is a value, not a default */
} reel_dropout_config;

typedef struct reel_local_response_norm_config {
    const char *name;
    int64_t size;          /* channels in the window; 0 = 5 */
    double alpha, beta, k; /* 0 = 1e-4, 0.75, 1 */
    bool paper;            /* alpha multiplies the sum instead of the mean; core/ops.h */
} reel_local_response_norm_config;

typedef struct reel_batch_norm2d_config {
    const char *name;
    int64_t channels;
    double eps, momentum; /* 0 = 1e-5, 0.1 */
} reel_batch_norm2d_config;

typedef struct reel_group_norm_config {
    const char *name;
    int64_t groups, channels; /* channels is a multiple of groups */
    double eps;               /* 0 = 1e-5 */
    bool no_affine;           /* without weight and bias */
} reel_group_norm_config;

enum { REEL_GELU_NONE, REEL_GELU_TANH }; /* as PyTorch's approximate="none" and "tanh" */
typedef struct reel_gelu_config {
    const char *name;
    int64_t approximate; /* REEL_GELU_TANH: with tanh in place of erf; 0 = REEL_GELU_NONE */
} reel_gelu_config;

typedef struct reel_leaky_relu_config {
    const char *name;
    double slope; /* 0 = 0.01 */
} reel_leaky_relu_config;

#ifdef __cplusplus
}
#endif
#endif
