/* global_max_pool: (n, c, h, w) -> (n, c), y = the maximum over all pixels of a channel. The first
 * maximum in row-major order takes the gradient; its pixel's number is what forward leaves. NaN
 * wins, as in PyTorch. */
#include "core/op_impl.h"
#include "core/ops/pool.h"

#ifdef REEL_PUBLIC
/* The maximum over all pixels of each channel: (n, c, h, w) -> (n, c). The first maximum takes the
 * gradient; NaN propagates. */
REEL_API reel_var reel_global_max_pool(reel_var x);
#endif

REEL_DECLARE_OP(global_max_pool);

void REEL_FN(reel_global_max_pool_forward)(const reel_call *c)
{
    const int64_t n = c->in[0].shape[0], ch = c->in[0].shape[1],
                  pixels = c->in[0].shape[2] * c->in[0].shape[3];

    /* Channels are innermost in memory: a block of them keeps its results at hand while the pixels
     * pass by. */
#pragma omp parallel for collapse(2) schedule(static)                                              \
    num_threads(reel_ctx_threads(c->ctx)) if (n * ch * pixels > 16384)
    for (int64_t image = 0; image < n; image++)
        for (int64_t k0 = 0; k0 < ch; k0 += REEL_POOL_BLOCK) {
            const int64_t width = reel_pool_min(ch - k0, REEL_POOL_BLOCK);
            const reel_real *x = (const reel_real *)c->in[0].data + image * pixels * ch + k0;
            reel_real best[REEL_POOL_BLOCK];
            int32_t pixel[REEL_POOL_BLOCK] = {0};
            memcpy(best, x, (size_t)width * sizeof *best);
            for (int64_t p = 1; p < pixels; p++)
#pragma omp simd
                for (int64_t k = 0; k < width; k++) {
                    const reel_real v = x[p * ch + k];
                    const bool wins = (v > best[k]) | (v != v);
                    best[k] = wins ? v : best[k];
                    pixel[k] = wins ? (int32_t)p : pixel[k];
                }
            memcpy((reel_real *)c->out.data + image * ch + k0, best, (size_t)width * sizeof *best);
            if (c->saved)
                memcpy((int32_t *)c->saved + image * ch + k0, pixel, (size_t)width * sizeof *pixel);
        }
}

void REEL_FN(reel_global_max_pool_backward)(const reel_call *c)
{
    const int64_t n = c->in[0].shape[0], ch = c->in[0].shape[1],
                  pixels = c->in[0].shape[2] * c->in[0].shape[3];
    const bool fresh = c->fresh[0];

#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(c->ctx)) if (n * ch * pixels > 16384)
    for (int64_t image = 0; image < n; image++) {
        reel_real *dx = (reel_real *)c->din[0].data + image * pixels * ch;
        const reel_real *dy = (const reel_real *)c->dout.data + image * ch;
        const int32_t *pixel = (const int32_t *)c->saved + image * ch;
        if (fresh)
            memset(dx, 0, (size_t)(pixels * ch) * sizeof *dx);
        for (int64_t k = 0; k < ch; k++)
            dx[pixel[k] * ch + k] += dy[k];
    }
}

#ifdef REEL_ONCE
static reel_status global_max_pool_infer(reel_infer *q, reel_error *err)
{
    const reel_tensor *x = &q->in[0];
    if (x->ndim != 4)
        return reel_fail(err, REEL_ERR_INVALID, "expected an input of shape (n, c, h, w)");
    if (reel_tensor_numel(x) == 0)
        return reel_fail(err, REEL_ERR_INVALID, "the input must not be empty");
    if (x->shape[2] * x->shape[3] > INT32_MAX)
        return reel_fail(err, REEL_ERR_INVALID, "more than 2^31 - 1 pixels");
    q->ndim = 2;
    q->saved_bytes = (size_t)(x->shape[0] * x->shape[1]) * sizeof(int32_t);
    return REEL_OK;
}

reel_var reel_global_max_pool(reel_var x)
{
    return reel_apply(&reel_op_global_max_pool, NULL, 0, &x, 1);
}

static reel_var global_max_pool_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_mul(reel_global_max_pool(in[0]), reel_global_max_pool(in[0]));
}

static const reel_op_case global_max_pool_cases[] = {
    {.label = "image", .in = "(2, 3, 4, 5)"},
    {.label = "one pixel", .in = "(2, 3, 1, 1)"},
    {.label = "more channels than a block", .in = "(1, 67, 2, 3)"},
    {.label = "input used twice", .in = "(2, 3, 2, 3)", .build = global_max_pool_twice},
};

const reel_op reel_op_global_max_pool = {
    .name = "global_max_pool",
    .min_in = 1,
    .max_in = 1,
    .flags = REEL_OP_ASSIGNS,
    .infer = global_max_pool_infer,
    .forward = REEL_BOTH(reel_global_max_pool_forward),
    .backward = REEL_BOTH(reel_global_max_pool_backward),
    .draw = REEL_DRAW_DISTINCT,
    .cases = global_max_pool_cases,
    .n_cases = REEL_COUNT(global_max_pool_cases),
    .random = reel_random_one_image,
};
#endif
