/* Template: pooling over all pixels of a channel, (n, c, h, w) -> (n, c). The operator's file
 * defines
 *
 *     static inline void global_max_pool_block(const global_pool_part *p, const reel_real *x,
 *                                              int64_t width, reel_real *y, int32_t *saved)
 *     static inline void global_max_pool_spread(const global_pool_part *p, const reel_real *dy,
 *                                               const int32_t *saved, bool fresh, reel_real *dx)
 *     #define REEL_GLOBAL_POOL global_max_pool
 *     #define REEL_GLOBAL_POOL_SAVED 1                     forward leaves a pixel's number; else 0
 *     #define REEL_GLOBAL_POOL_DRAW REEL_DRAW_DISTINCT
 *     #include "core/ops/global_pool.h"
 *
 * and gets the passes, the builder reel_global_max_pool and the descriptor. `block` pools the
 * pixels x[pixel * channels + k] of 0 <= k < width <= REEL_POOL_BLOCK channels. `spread` hands the
 * gradient of one image back; it assigns dx where fresh is true, else adds. saved is NULL where
 * nothing is recorded. */
#ifndef REEL_CORE_OPS_GLOBAL_POOL_H
#define REEL_CORE_OPS_GLOBAL_POOL_H

#include "core/op_impl.h"
#include "core/ops/pool.h"

typedef struct global_pool_part {
    int64_t pixels, channels;
} global_pool_part;

#define GLOBAL_POOL(part) REEL_JOIN(REEL_GLOBAL_POOL, _, part)
#define GLOBAL_POOL_PASS(pass) REEL_JOIN(reel_, REEL_GLOBAL_POOL, REEL_FN(pass))
#define GLOBAL_POOL_BUILDER REEL_JOIN(reel_, REEL_GLOBAL_POOL, )

/* Element `at` of what forward left; NULL where it left nothing. */
static inline int32_t *global_pool_saved(const reel_call *c, int64_t at)
{
    return c->saved ? (int32_t *)c->saved + at : NULL;
}
#endif

#ifdef REEL_GLOBAL_POOL
REEL_DECLARE_OP(REEL_GLOBAL_POOL);

void GLOBAL_POOL_PASS(_forward)(const reel_call *c)
{
    const int64_t n = c->in[0].shape[0], ch = c->in[0].shape[1],
                  pixels = c->in[0].shape[2] * c->in[0].shape[3];
    const global_pool_part part = {pixels, ch};

    /* Channels are innermost in memory: a block of them keeps its results at hand while the pixels
     * pass by. */
#pragma omp parallel for collapse(2) schedule(static)                                              \
    num_threads(reel_ctx_threads(c->ctx)) if (n * ch * pixels > 16384)
    for (int64_t image = 0; image < n; image++)
        for (int64_t k0 = 0; k0 < ch; k0 += REEL_POOL_BLOCK) {
            const int64_t width = reel_pool_min(ch - k0, REEL_POOL_BLOCK), at = image * ch + k0;
            GLOBAL_POOL(block)(&part, (const reel_real *)c->in[0].data + image * pixels * ch + k0,
                               width, (reel_real *)c->out.data + at, global_pool_saved(c, at));
        }
}

void GLOBAL_POOL_PASS(_backward)(const reel_call *c)
{
    const int64_t n = c->in[0].shape[0], ch = c->in[0].shape[1],
                  pixels = c->in[0].shape[2] * c->in[0].shape[3];
    const global_pool_part part = {pixels, ch};

#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(c->ctx)) if (n * ch * pixels > 16384)
    for (int64_t image = 0; image < n; image++)
        GLOBAL_POOL(spread)(&part, (const reel_real *)c->dout.data + image * ch,
                            global_pool_saved(c, image * ch), c->fresh[0],
                            (reel_real *)c->din[0].data + image * pixels * ch);
}

#ifdef REEL_ONCE
static reel_status GLOBAL_POOL(infer)(reel_infer *q, reel_error *err)
{
    const reel_tensor *x = &q->in[0];
    if (x->ndim != 4)
        return reel_fail(err, REEL_ERR_INVALID, "expected an input of shape (n, c, h, w)");
    if (reel_tensor_numel(x) == 0)
        return reel_fail(err, REEL_ERR_INVALID, "the input must not be empty");
    if (REEL_GLOBAL_POOL_SAVED && x->shape[2] * x->shape[3] > INT32_MAX)
        return reel_fail(err, REEL_ERR_INVALID, "more than 2^31 - 1 pixels");

    q->ndim = 2;
    if (REEL_GLOBAL_POOL_SAVED)
        q->saved_bytes = (size_t)(x->shape[0] * x->shape[1]) * sizeof(int32_t);
    return REEL_OK;
}

static reel_var GLOBAL_POOL(twice)(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_mul(GLOBAL_POOL_BUILDER(in[0]), GLOBAL_POOL_BUILDER(in[0]));
}

static const reel_op_case GLOBAL_POOL(cases)[] = {
    {.label = "image", .in = "(2, 3, 4, 5)"},
    {.label = "one pixel", .in = "(2, 3, 1, 1)"},
    {.label = "more channels than a block", .in = "(1, 67, 2, 3)"},
    {.label = "input used twice", .in = "(2, 3, 2, 3)", .build = GLOBAL_POOL(twice)},
};

#define ONE_INPUT REEL_GLOBAL_POOL
#define ONE_INPUT_FLAGS REEL_OP_ROWS
#define ONE_INPUT_INFER GLOBAL_POOL(infer)
#define ONE_INPUT_DRAW REEL_GLOBAL_POOL_DRAW
#define ONE_INPUT_CASES GLOBAL_POOL(cases)
#define ONE_INPUT_RANDOM reel_random_one_image
#include "core/ops/one_input.h"
#endif
#endif
