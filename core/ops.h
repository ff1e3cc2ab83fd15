/* Expressions: each function appends one operator to the tape of its inputs and returns the new
 * value (two may return x itself and say so: releasing x then releases the result). Formula and
 * shape rules stand with each; a violated rule is the tape's sticky error. Shapes read (n, c, h,
 * w). Where a config is NULL, or a field 0, the default in its comment holds. */
#ifndef REEL_CORE_OPS_H
#define REEL_CORE_OPS_H

#include "core/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- elementwise, with NumPy's broadcasting for the first four ---- */
REEL_API reel_var reel_add(reel_var a, reel_var b);
REEL_API reel_var reel_sub(reel_var a, reel_var b);
REEL_API reel_var reel_mul(reel_var a, reel_var b);
REEL_API reel_var reel_div(reel_var a, reel_var b);
REEL_API reel_var reel_neg(reel_var x);
REEL_API reel_var reel_exp(reel_var x);
REEL_API reel_var reel_log(reel_var x);
REEL_API reel_var reel_sqrt(reel_var x);
REEL_API reel_var reel_clamp(reel_var x, double lo,
                             double hi); /* gradient 1 for lo <= x <= hi, else 0 (PyTorch) */
REEL_API reel_var reel_relu(reel_var x); /* gradient 0 at 0 */
REEL_API reel_var reel_leaky_relu(reel_var x, double slope);
REEL_API reel_var reel_sigmoid(reel_var x);
REEL_API reel_var reel_tanh(reel_var x);

/* ---- reductions over a set of axes: bit d of axes = dimension d, 0 = all; keepdim keeps them with
 * size 1 ---- */
REEL_API reel_var reel_sum(reel_var x, unsigned axes, bool keepdim);
REEL_API reel_var reel_mean(reel_var x, unsigned axes, bool keepdim);
REEL_API reel_var reel_max(reel_var x, unsigned axes,
                           bool keepdim); /* ties: the whole gradient to the first in index order */
REEL_API reel_var reel_mean_all(reel_var x); /* mean over everything, shape () */

/* ---- shapes ---- */
REEL_API reel_var
reel_reshape(reel_var x, int ndim,
             const int64_t *shape); /* elements in row-major order of the SHAPE; one -1 */
REEL_API reel_var
reel_flatten(reel_var x); /* (n, ...) -> (n, rest), order c, h, w; a matrix is x itself */
REEL_API reel_var reel_permute(reel_var x, const int *axes);
REEL_API reel_var reel_concat(const reel_var *x, int count, int dim); /* 1 <= count <= 16 */
REEL_API reel_var reel_slice(reel_var x, int dim, int64_t begin, int64_t end);
REEL_API reel_var reel_pad(reel_var x, const int64_t *before, const int64_t *after,
                           double value); /* one pair a dimension */

/* ---- matrices ---- */
REEL_API reel_var reel_matmul(
    reel_var a, reel_var b); /* (..., m, k) (..., k, n); leading dimensions equal, or absent in b */
/* y = x w^T + b: x (n, in), w (out, in), b (out) or REEL_NONE. */
REEL_API reel_var reel_linear(reel_var x, reel_var w, reel_var b);

/* An absent optional input. */
#ifdef __cplusplus
#define REEL_NONE (reel_var{NULL, 0})
#else
#define REEL_NONE ((reel_var){NULL, 0})
#endif

/* ---- convolution and pooling ---- */
typedef struct reel_conv2d_attrs {
    int64_t stride_h, stride_w;     /* 0 = 1 */
    int64_t padding_h, padding_w;   /* zeros on both sides */
    int64_t dilation_h, dilation_w; /* 0 = 1 */
    int64_t groups;                 /* 0 = 1 */
} reel_conv2d_attrs;
/* x (n, c, h, w), w (oc, c / groups, kh, kw), b (oc) or REEL_NONE; oh = floor((h + 2 ph - dh (kh -
 * 1) - 1) / sh) + 1. */
REEL_API reel_var reel_conv2d(reel_var x, reel_var w, reel_var b, const reel_conv2d_attrs *attrs);

typedef struct reel_pool2d_attrs {
    int64_t kernel_h, kernel_w;
    int64_t stride_h, stride_w;   /* 0 = kernel */
    int64_t padding_h, padding_w; /* at most half the kernel */
    bool ceil_mode; /* windows may start inside the input or its left padding only, as in PyTorch */
    bool exclude_padding; /* average pooling: divide by the number of real pixels */
} reel_pool2d_attrs;
/* Padding never wins a maximum; the first maximum in row-major order receives the gradient; NaN
 * propagates. */
REEL_API reel_var reel_max_pool2d(reel_var x, const reel_pool2d_attrs *attrs);
REEL_API reel_var reel_avg_pool2d(reel_var x, const reel_pool2d_attrs *attrs);
/* Cell i averages rows floor(i h / oh) to ceil((i + 1) h / oh) (PyTorch). Of the size asked for
 * already: x itself. */
REEL_API reel_var reel_adaptive_avg_pool2d(reel_var x, int64_t oh, int64_t ow);
REEL_API reel_var reel_global_avg_pool(reel_var x); /* (n, c, h, w) -> (n, c) */
REEL_API reel_var
reel_global_max_pool(reel_var x); /* (n, c, h, w) -> (n, c); first maximum takes the gradient */

/* ---- several in one: what reel_net makes of layers that follow each other ----
 * Values and gradients are those of the operators one after the other, within rounding, with less
 * memory and fewer passes. */
REEL_API reel_var reel_linear_relu(reel_var x, reel_var w, reel_var b);
REEL_API reel_var reel_conv2d_relu(reel_var x, reel_var w, reel_var b,
                                   const reel_conv2d_attrs *attrs);
/* A window of at most 255 cells. */
REEL_API reel_var reel_conv2d_relu_max_pool2d(reel_var x, reel_var w, reel_var b,
                                              const reel_conv2d_attrs *conv,
                                              const reel_pool2d_attrs *pool);

/* ---- normalisation and regularisation ---- */
/* Inverted dropout: each element is 0 with probability p, else scaled by 1 / (1 - p). The mask is a
 * function of (seed, layer, reel_tape_step, element). 0 <= p < 1. Call it in training only. */
REEL_API reel_var reel_dropout(reel_var x, double p, uint32_t layer);

typedef struct reel_batch_norm2d_attrs {
    reel_tensor running_mean,
        running_var; /* (c); read in evaluation, updated in training unless data is NULL */
    double
        momentum;  /* running = (1 - momentum) running + momentum batch; variance unbiased there */
    double eps;    /* 0 = 1e-5 */
    bool training; /* batch statistics (biased variance) or running ones */
} reel_batch_norm2d_attrs;
/* y = gamma (x - mean_c) / sqrt(var_c + eps) + beta; gamma, beta (c) (Ioffe and Szegedy 2015). */
REEL_API reel_var reel_batch_norm2d(reel_var x, reel_var gamma, reel_var beta,
                                    const reel_batch_norm2d_attrs *attrs);

typedef struct reel_local_response_norm_attrs {
    int64_t size;       /* channels in the window; 0 = 5 */
    double alpha, beta; /* beta 0 = 0.75, alpha 0 = 1e-4 */
    double k;           /* 0 = 1 */
    bool paper; /* alpha multiplies the sum (the 2012 formula as printed) instead of the mean (every
                   implementation) */
} reel_local_response_norm_attrs;
/* y_c = x_c / (k + alpha / size sum_{c' in window} x_c'^2)^beta, window from c - floor(size / 2) to
 * c + floor((size - 1) / 2) (Krizhevsky et al. 2012, section 3.3). */
REEL_API reel_var reel_local_response_norm(reel_var x, const reel_local_response_norm_attrs *attrs);

/* ---- class scores and losses ---- */
REEL_API reel_var reel_softmax(reel_var x);     /* over the last dimension */
REEL_API reel_var reel_log_softmax(reel_var x); /* over the last dimension */

typedef struct reel_cross_entropy_attrs {
    double label_smoothing;      /* 0 .. 1 */
    const double *class_weights; /* classes entries, or NULL; copied */
    int64_t ignore_index; /* samples with this label count nothing; use_ignore_index says whether it
                             is set */
    bool use_ignore_index;
    bool sum; /* sum over samples instead of the weighted mean */
} reel_cross_entropy_attrs;
/* logits (n, classes), labels n class indices (copied). As torch.nn.functional.cross_entropy:
 * weighted mean over samples. */
REEL_API reel_var reel_cross_entropy(reel_var logits, const int64_t *labels, int64_t n,
                                     const reel_cross_entropy_attrs *attrs);
REEL_API reel_var reel_mse(reel_var x, reel_var target); /* mean of (x - target)^2; same shapes */

#ifdef __cplusplus
}
#endif
#endif
