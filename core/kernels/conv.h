/* Two-dimensional convolution (cross-correlation), its input gradient and its weight gradient.
 *
 *   y[n, oh, ow, o] = bias[o] + sum_{i, j, c} w[o, i, j, c] x[n, oh sh - ph + i dh, ow sw - pw + j dw, g(o) c/groups + c]
 *
 * All channels-last: x (n, h, w, c), w (oc, kh, kw, c / groups), y (n, oh, ow, oc). Which implementation runs is a pure
 * function of shape, pass and ISA. Sums run in an order that depends on the shape only, never on the number of threads.
 * accumulate: add to what dx / dw hold instead of overwriting. bias may be NULL. relu: y is max(y, 0), NaN stays NaN. The
 * bias's own gradient is a column sum of dy and no affair of these kernels. */
#ifndef REEL_CORE_KERNELS_CONV_H
#define REEL_CORE_KERNELS_CONV_H

#include "core/ctx.h"

typedef struct reel_conv_shape {
    int64_t n, c, h, w;     /* input */
    int64_t oc, oh, ow;     /* output */
    int64_t kh, kw, sh, sw; /* kernel, stride */
    int64_t ph, pw, dh, dw; /* padding (same on both sides), dilation */
    int64_t groups;
} reel_conv_shape;

#define REEL_CONV_DECLARE(real, suffix)                                                                                        \
    size_t reel_conv_forward_scratch_##suffix(const reel_ctx *ctx, const reel_conv_shape *s);                                  \
    void reel_conv_forward_##suffix(const reel_ctx *ctx, const reel_conv_shape *s, const real *x, const real *w,               \
                                    const real *bias, bool relu, real *y, void *scratch);                                      \
    size_t reel_conv_input_grad_scratch_##suffix(const reel_ctx *ctx, const reel_conv_shape *s);                               \
    void reel_conv_input_grad_##suffix(const reel_ctx *ctx, const reel_conv_shape *s, const real *dy, const real *w,           \
                                       bool accumulate, real *dx, void *scratch);                                              \
    size_t reel_conv_weight_grad_scratch_##suffix(const reel_ctx *ctx, const reel_conv_shape *s);                              \
    void reel_conv_weight_grad_##suffix(const reel_ctx *ctx, const reel_conv_shape *s, const real *x, const real *dy,          \
                                        bool accumulate, real *dw, void *scratch);
REEL_CONV_DECLARE(float, f32)
REEL_CONV_DECLARE(double, f64)

#endif
