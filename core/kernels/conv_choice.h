/* The ordered list of convolution implementations and the rule that chooses: a pure function of shape, pass and dtype.
 * Private to core/kernels.
 *
 *   winograd  3x3 and 5x5 kernels of stride 1, float32
 *   direct    first layers (few input channels), float32
 *   direct    depthwise convolution, float32
 *   gemm      everything
 *   direct    everything; plain sums as in the formula, for comparison: taken only when forced */
#ifndef REEL_CORE_KERNELS_CONV_CHOICE_H
#define REEL_CORE_KERNELS_CONV_CHOICE_H

#include "core/kernels/conv.h"

typedef enum { REEL_CONV_FORWARD, REEL_CONV_INPUT_GRAD, REEL_CONV_WEIGHT_GRAD } reel_conv_pass;
typedef enum {
    REEL_CONV_WINOGRAD,
    REEL_CONV_FIRST_LAYER,
    REEL_CONV_DEPTHWISE,
    REEL_CONV_GEMM,
    REEL_CONV_DIRECT,
    REEL_CONV_ALGORITHMS
} reel_conv_algorithm;

/* What a pass reads and writes, in the dtype of the call. out: y, dx or dw; what the pass does not use is NULL. */
typedef struct reel_conv_job {
    const reel_conv_shape *s;
    const void *x, *w, *bias, *dy;
    bool accumulate, relu;
    void *out, *scratch;
} reel_conv_job;

/* REEL_CONV=winograd|gemm|direct in the environment, as it was when the context was created, forces one where the shape allows
 * it; a name that there is not is a warning in the context's log. REEL_TRACE=conv logs each choice and the refusals before it.
 */
reel_conv_algorithm reel_conv_choose(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass, bool f64);
const char *reel_conv_algorithm_name(reel_conv_algorithm algorithm);

/* The plain sums; no scratch. */
void reel_conv_direct_f32(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass);
void reel_conv_direct_f64(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass);

#endif
