/* to += from, element by element: a sum over pieces of a batch. Any number of threads gives the
 * same bits. */
#ifndef REEL_CORE_KERNELS_ADD_INTO_H
#define REEL_CORE_KERNELS_ADD_INTO_H

#include "core/ctx.h"
#include "core/tensor.h"

/* Two tensors of one shape and dtype, each in one stretch of memory. A sum in bf16 is rounded to
 * nearest, ties to even. */
void reel_add_tensor(const reel_ctx *ctx, const reel_tensor *to, const reel_tensor *from);

/* The loop over n elements, compiled for float and for double. */
void reel_add_into_f32(int threads, int64_t n, void *to, const void *from);
void reel_add_into_f64(int threads, int64_t n, void *to, const void *from);

#endif
