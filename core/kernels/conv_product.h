/* Convolution as matrix products: see conv_product.c. Private to core/kernels. */
#ifndef REEL_CORE_KERNELS_CONV_PRODUCT_H
#define REEL_CORE_KERNELS_CONV_PRODUCT_H

#include "core/kernels/conv_choice.h"

size_t reel_conv_product_scratch(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass, bool f64);
void reel_conv_product(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass, bool f64);

#endif
