/* The ordered list of convolution implementations and the rule that chooses: a pure function of shape, pass and instruction
 * set. Private to core/kernels. */
#ifndef REEL_CORE_KERNELS_CONV_CHOICE_H
#define REEL_CORE_KERNELS_CONV_CHOICE_H

#include "core/kernels/conv.h"

typedef enum { REEL_CONV_FORWARD, REEL_CONV_INPUT_GRAD, REEL_CONV_WEIGHT_GRAD } reel_conv_pass;
typedef enum { REEL_CONV_WINOGRAD, REEL_CONV_GEMM, REEL_CONV_ALGORITHMS } reel_conv_algorithm;

/* float32 only; float64 always takes the matrix product. REEL_CONV=winograd|gemm in the environment forces one where the shape
 * allows it; REEL_TRACE=conv logs each choice and the refusals before it to the context's log. */
reel_conv_algorithm reel_conv_choose(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass);
const char *reel_conv_algorithm_name(reel_conv_algorithm algorithm);

#endif
