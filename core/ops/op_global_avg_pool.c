/* global_avg_pool: (n, c, h, w) -> (n, c), y = the mean over all pixels of a channel;  dx = dy / (h
 * w) everywhere. */
#include "core/op_impl.h"
#include "core/ops/pool.h"

#ifdef REEL_PUBLIC
/* The mean over all pixels of each channel: (n, c, h, w) -> (n, c). */
REEL_API reel_var reel_global_avg_pool(reel_var x);
#endif

REEL_DECLARE_OP(global_avg_pool);

void REEL_FN(reel_global_avg_pool_forward)(const reel_call *c)
{
    const int64_t n = c->in[0].shape[0], ch = c->in[0].shape[1],
                  pixels = c->in[0].shape[2] * c->in[0].shape[3];
    const reel_real scale = (reel_real)(1.0 / (double)pixels);

    /* Channels are innermost in memory: a block of them keeps its results at hand while the pixels
     * pass by. */
#pragma omp parallel for collapse(2) schedule(static)                                              \
    num_threads(reel_ctx_threads(c->ctx)) if (n * ch * pixels > 16384)
    for (int64_t image = 0; image < n; image++)
        for (int64_t k0 = 0; k0 < ch; k0 += REEL_POOL_BLOCK) {
            const int64_t width = reel_pool_min(ch - k0, REEL_POOL_BLOCK);
            const reel_real *x = (const reel_real *)c->in[0].data + image * pixels * ch + k0;
            reel_real *y = (reel_real *)c->out.data + image * ch + k0;
            reel_real sum[REEL_POOL_BLOCK] = {0};
            for (int64_t p = 0; p < pixels; p++)
                for (int64_t k = 0; k < width; k++)
                    sum[k] += x[p * ch + k];
            for (int64_t k = 0; k < width; k++)
                y[k] = sum[k] * scale;
        }
}

void REEL_FN(reel_global_avg_pool_backward)(const reel_call *c)
{
    const int64_t n = c->in[0].shape[0], ch = c->in[0].shape[1],
                  pixels = c->in[0].shape[2] * c->in[0].shape[3];
    const reel_real scale = (reel_real)(1.0 / (double)pixels);
    const bool fresh = c->fresh[0];

#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(c->ctx)) if (n * ch * pixels > 16384)
    for (int64_t image = 0; image < n; image++) {
        const reel_real *dy = (const reel_real *)c->dout.data + image * ch;
        for (int64_t p = 0; p < pixels; p++) {
            reel_real *dx = (reel_real *)c->din[0].data + (image * pixels + p) * ch;
            if (fresh)
                for (int64_t k = 0; k < ch; k++)
                    dx[k] = dy[k] * scale;
            else
                for (int64_t k = 0; k < ch; k++)
                    dx[k] += dy[k] * scale;
        }
    }
}

#ifdef REEL_ONCE
static reel_status global_avg_pool_infer(reel_infer *q, reel_error *err)
{
    if (q->in[0].ndim != 4)
        return reel_fail(err, REEL_ERR_INVALID, "expected an input of shape (n, c, h, w)");
    if (reel_tensor_numel(&q->in[0]) == 0)
        return reel_fail(err, REEL_ERR_INVALID, "the input must not be empty");
    q->ndim = 2;
    return REEL_OK;
}

reel_var reel_global_avg_pool(reel_var x)
{
    return reel_apply(&reel_op_global_avg_pool, NULL, 0, &x, 1);
}

static reel_var global_avg_pool_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_mul(reel_global_avg_pool(in[0]), reel_global_avg_pool(in[0]));
}

static const reel_op_case global_avg_pool_cases[] = {
    {.label = "image", .in = "(2, 3, 4, 5)"},
    {.label = "one pixel", .in = "(2, 3, 1, 1)"},
    {.label = "more channels than a block", .in = "(1, 67, 2, 3)"},
    {.label = "input used twice", .in = "(2, 3, 2, 3)", .build = global_avg_pool_twice},
};

const reel_op reel_op_global_avg_pool = {
    .name = "global_avg_pool",
    .min_in = 1,
    .max_in = 1,
    .flags = REEL_OP_ASSIGNS,
    .infer = global_avg_pool_infer,
    .forward = REEL_BOTH(reel_global_avg_pool_forward),
    .backward = REEL_BOTH(reel_global_avg_pool_backward),
    .cases = global_avg_pool_cases,
    .n_cases = REEL_COUNT(global_avg_pool_cases),
    .random = reel_random_one_image,
};
#endif
