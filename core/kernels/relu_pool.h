/* ReLU and max pooling of one feature map in one pass, and the way back: what follows a convolution
 * whose full-size output nobody else reads. Also max pooling alone (`plain`).
 *
 *   y[n, i, j, c] = max(0, max over the window of x);  NaN propagates
 *   cell[n, i, j, c] = position of that maximum in its window, row by row,
 *                      or REEL_RELU_POOL_NONE where ReLU cut it off
 *   dx[n, h, w, c] = the sum of dy over the windows whose cell is (h, w)
 *
 * max(0, .) and the maximum over a window commute, so values and gradients are those of max_pool2d
 * after relu: a window's first maximum takes the gradient, and none where it is not positive. All
 * channels-last. Private to core. */
#ifndef REEL_CORE_KERNELS_RELU_POOL_H
#define REEL_CORE_KERNELS_RELU_POOL_H

#include "core/ctx.h"
#include "core/tensor.h"

enum {
    REEL_RELU_POOL_NONE = 255,
    REEL_RELU_POOL_CELLS = 256 /* most of a window */
};

typedef struct reel_relu_pool_shape {
    int64_t n, c, h, w;             /* the map */
    int64_t oh, ow;                 /* pooled */
    int64_t kh, kw, sh, sw, ph, pw; /* window (kh kw <= 255; plain: 256), stride, padding */
    bool plain; /* no ReLU: a window's first maximum always takes the gradient; every window has a
                   pixel of the map */
    bool add;   /* the gradient is added to dx */
} reel_relu_pool_shape;

/* Arrays in the given dtype; cell may be NULL in the forward pass: nothing is recorded. The
 * gradient overwrites dx, unless `add` is set. The context gives threads and instruction set. */
void reel_relu_pool(const reel_ctx *ctx, reel_dtype dtype, const reel_relu_pool_shape *s,
                    const void *x, void *y, uint8_t *cell);
void reel_relu_pool_backward(const reel_ctx *ctx, reel_dtype dtype, const reel_relu_pool_shape *s,
                             const void *dy, const uint8_t *cell, void *dx);

#endif
