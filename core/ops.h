/* Expressions: each function appends one operator to the tape of its inputs and returns the new
 * value.
 *
 * Errors are sticky. A violated shape rule, or an input that is invalid, gives an invalid handle
 * and the tape keeps the first error (reel_tape_status). Two functions may return x itself and say
 * so: releasing x then releases the result too. Inputs must live on one tape; a tape belongs to one
 * thread at a time.
 *
 * Shapes read (n, c, h, w): images, channels, rows, columns. Where a config is NULL, or a field 0,
 * the default in its comment holds. Here stand the attributes that several operators share; the
 * functions stand in op_builders.h, which the build collects from core/ops/op_*.c. */
#ifndef REEL_CORE_OPS_H
#define REEL_CORE_OPS_H

#include "core/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* conv2d and the operators that are fused with it. */
typedef struct reel_conv2d_attrs {
    int64_t stride_h, stride_w;     /* 0 = 1 */
    int64_t padding_h, padding_w;   /* zeros on both sides */
    int64_t dilation_h, dilation_w; /* 0 = 1 */
    int64_t groups;                 /* 0 = 1 */
} reel_conv2d_attrs;

/* max_pool2d, avg_pool2d and the operators that are fused with them. */
typedef struct reel_pool2d_attrs {
    int64_t kernel_h, kernel_w;
    int64_t stride_h, stride_w;   /* 0 = kernel */
    int64_t padding_h, padding_w; /* at most half the kernel */
    bool ceil_mode; /* windows may start inside the input or its left padding only, as in PyTorch */
    bool exclude_padding; /* average pooling: divide by the number of real pixels */
} reel_pool2d_attrs;

#ifdef __cplusplus
}
#endif

#include "core/op_builders.h"

#endif
