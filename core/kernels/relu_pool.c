/* ReLU with max pooling through the context's kernels. */
#include "core/kernels/relu_pool.h"

#include "core/kernels/kernels.h"

void reel_relu_pool(const reel_ctx *ctx, reel_dtype dtype, const reel_relu_pool_shape *s,
                    const void *x, void *y, uint8_t *cell)
{
    reel_ctx_kernels(ctx)->relu_pool[dtype](reel_ctx_threads(ctx), s, x, y, cell);
}

void reel_relu_pool_backward(const reel_ctx *ctx, reel_dtype dtype, const reel_relu_pool_shape *s,
                             const void *dy, const uint8_t *cell, void *dx)
{
    reel_ctx_kernels(ctx)->relu_pool_grad[dtype](reel_ctx_threads(ctx), s, dy, cell, dx);
}
