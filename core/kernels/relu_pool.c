/* Chooses the instruction set of a pass. */
#include "core/kernels/relu_pool.h"

#ifdef REEL_X86
#define CHOOSE(ctx, name, ...)                                                                                                 \
    do {                                                                                                                       \
        if (reel_ctx_isa(ctx) == REEL_ISA_AVX512)                                                                              \
            name##__avx512(reel_ctx_threads(ctx), __VA_ARGS__);                                                                \
        else if (reel_ctx_isa(ctx) == REEL_ISA_AVX2)                                                                           \
            name##__avx2(reel_ctx_threads(ctx), __VA_ARGS__);                                                                  \
        else                                                                                                                   \
            name##__portable(reel_ctx_threads(ctx), __VA_ARGS__);                                                              \
    } while (0)
#else
#define CHOOSE(ctx, name, ...) name##__portable(reel_ctx_threads(ctx), __VA_ARGS__)
#endif

#define DEFINE(real, suffix)                                                                                                   \
    void reel_relu_pool_forward_##suffix(const reel_ctx *ctx, const reel_relu_pool_shape *s, const real *x, real *y,           \
                                         uint8_t *cell)                                                                        \
    {                                                                                                                          \
        CHOOSE(ctx, reel_relu_pool_forward_##suffix, s, x, y, cell);                                                           \
    }                                                                                                                          \
    void reel_relu_pool_backward_##suffix(const reel_ctx *ctx, const reel_relu_pool_shape *s, const real *dy,                  \
                                          const uint8_t *cell, real *dx)                                                       \
    {                                                                                                                          \
        CHOOSE(ctx, reel_relu_pool_backward_##suffix, s, dy, cell, dx);                                                        \
    }
DEFINE(float, f32)
DEFINE(double, f64)
