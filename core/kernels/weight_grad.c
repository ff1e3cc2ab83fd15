/* Both matrix products for the gradient of weights. */
#include "core/kernels/weight_grad.h"

#include "core/kernels/bf16.h"
#include "core/kernels/gemm.h"

/* Element `at` of an array. */
static const void *place_in(const void *array, int64_t at, size_t element)
{
    return array ? (const char *)array + (size_t)at * element : NULL;
}

static reel_gemm_job gemm_of(const reel_weight_grad *g)
{
    const size_t element = reel_dtype_size(g->dtype);
    return (reel_gemm_job){.ta = true,
                           .accumulate = g->accumulate,
                           .m = g->end - g->begin,
                           .n = g->in,
                           .k = g->n,
                           .a = place_in(g->dy, g->begin, element),
                           .lda = g->out,
                           .b = g->x,
                           .ldb = g->in,
                           .c = (void *)place_in(g->dw, g->begin * g->in, element),
                           .ldc = g->in,
                           .pieces = g->pieces,
                           .whole_m = g->out,
                           .scratch = g->scratch};
}

static reel_bf16_product bf16_of(const reel_weight_grad *g)
{
    const size_t dy_element = reel_dtype_size(g->dy_wide ? REEL_F32 : REEL_BF16),
                 dw_element = reel_dtype_size(g->rounds ? REEL_BF16 : REEL_F32);
    return (reel_bf16_product){.m = g->end - g->begin,
                               .n = g->in,
                               .k = g->n,
                               .a = {.data = place_in(g->dy, g->begin, dy_element),
                                     .ld = g->out,
                                     .along = true,
                                     .wide = g->dy_wide},
                               .b = {.data = g->x, .ld = g->in, .along = true, .wide = g->x_wide},
                               .accumulate = g->accumulate,
                               .rounds = g->rounds,
                               .c = (void *)place_in(g->dw, g->begin * g->in, dw_element),
                               .c_row = g->in,
                               .c_col = 1,
                               .pieces = g->pieces,
                               .scratch = g->scratch};
}

size_t reel_weight_grad_scratch(const reel_ctx *ctx, const reel_weight_grad *g)
{
    if (g->dtype == REEL_BF16) {
        const reel_bf16_product product = bf16_of(g);
        return reel_bf16_product_scratch(ctx, &product);
    }
    const reel_gemm_job job = gemm_of(g);
    return reel_gemm_scratch(ctx, g->dtype, &job);
}

void reel_weight_grad_run(const reel_ctx *ctx, const reel_weight_grad *g)
{
    if (g->dtype == REEL_BF16) {
        const reel_bf16_product product = bf16_of(g);
        reel_bf16_multiply(ctx, &product);
    } else {
        const reel_gemm_job job = gemm_of(g);
        reel_gemm(ctx, g->dtype, &job);
    }
}
