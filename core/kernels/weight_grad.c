/* The matrix products for the gradient of weights. */
#include "core/kernels/weight_grad.h"

#include "core/kernels/bf16.h"
#include "core/kernels/gemm.h"
#include "core/memory.h"

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

static bool multiplies_bf16(const reel_ctx *ctx, const reel_weight_grad *g)
{
    return reel_bf16_is_multiplied(ctx, g->n / g->pieces);
}

/* ---- factors in bf16, products in float32 ---- */

static size_t wide_bytes(int64_t numbers)
{
    return reel_whole_lines((size_t)numbers * sizeof(float));
}

static size_t narrow_bytes(int64_t numbers)
{
    return reel_whole_lines((size_t)numbers * sizeof(reel_bf16));
}

/* A float32 copy of a factor, at *room, which moves on. What is float32 in memory is rounded, as
 * where it travels between ranks. */
static const float *copy_of(const reel_ctx *ctx, const void *factor, bool wide, int64_t numbers,
                            char **room)
{
    float *copy = (float *)*room;
    *room += wide_bytes(numbers);
    const reel_bf16 *from = factor;
    if (wide) {
        reel_bf16 *narrow = (reel_bf16 *)*room;
        reel_bf16_round(ctx, factor, narrow, numbers);
        from = narrow;
    }
    reel_bf16_widen(ctx, from, copy, numbers);
    return copy;
}

/* The same gradient in float32, without its operands. */
static reel_weight_grad in_float32(const reel_weight_grad *g)
{
    reel_weight_grad wide = *g;
    wide.dtype = REEL_F32;
    wide.x = wide.dy = NULL;
    return wide;
}

/* Behind the copy that is made first lies the second; behind that, a rounded factor, and later the
 * product's scratch. */
static size_t factor_copies_bytes(const reel_weight_grad *g)
{
    return wide_bytes(g->n * g->in) + wide_bytes(g->n * g->out);
}

static void run_copies(const reel_ctx *ctx, const reel_weight_grad *g)
{
    REEL_ASSERT(!g->rounds);
    reel_weight_grad wide = in_float32(g);
    char *room = g->scratch;
    wide.x = copy_of(ctx, g->x, g->x_wide, g->n * g->in, &room);
    wide.dy = copy_of(ctx, g->dy, g->dy_wide, g->n * g->out, &room);
    wide.scratch = room;
    const reel_gemm_job job = gemm_of(&wide);
    reel_gemm(ctx, REEL_F32, &job);
}

size_t reel_weight_grad_scratch(const reel_ctx *ctx, const reel_weight_grad *g)
{
    if (g->dtype == REEL_BF16 && multiplies_bf16(ctx, g)) {
        const reel_bf16_product product = bf16_of(g);
        return reel_bf16_product_scratch(ctx, &product);
    }
    const bool copies = g->dtype == REEL_BF16;
    const reel_weight_grad wide = in_float32(g);
    const reel_gemm_job job = gemm_of(copies ? &wide : g);
    const size_t product = reel_gemm_scratch(ctx, copies ? REEL_F32 : g->dtype, &job);
    if (!copies)
        return product;
    const size_t x = narrow_bytes(g->n * g->in), dy = narrow_bytes(g->n * g->out);
    const size_t rounded = x > dy ? x : dy;
    return factor_copies_bytes(g) + (product > rounded ? product : rounded);
}

void reel_weight_grad_run(const reel_ctx *ctx, const reel_weight_grad *g)
{
    if (g->dtype != REEL_BF16) {
        const reel_gemm_job job = gemm_of(g);
        reel_gemm(ctx, g->dtype, &job);
    } else if (multiplies_bf16(ctx, g)) {
        const reel_bf16_product product = bf16_of(g);
        reel_bf16_multiply(ctx, &product);
    } else
        run_copies(ctx, g);
}
