/* Gradient norms and clipping.
 *
 * A norm has the same bits for any number of threads: a tensor is cut into blocks by its size
 * alone, one thread sums a block in double, and the blocks are added in order. */
#include <math.h>

#include "optim/engine/internal.h"

enum { BLOCKS = 128 };

/* Elements of a block: a multiple of 1,024, so that small tensors are few blocks and each begins at
 * a cache line. */
static int64_t block_size(int64_t n)
{
    return ((n + BLOCKS - 1) / BLOCKS + 1023) / 1024 * 1024;
}

double reel_tensor_square_sum(const reel_tensor *t, const reel_ctx *ctx)
{
    const int64_t n = reel_tensor_numel(t), block = block_size(n);
    const size_t element = reel_dtype_size(t->dtype);
    reel_square_sum_fn *const sum = reel_square_sum_loops[t->dtype];
    double part[BLOCKS] = {0};

#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(ctx)) if (n > REEL_OPTIM_PARALLEL)
    for (int b = 0; b < BLOCKS; b++) {
        const int64_t begin = b * block, left = n - begin;
        if (left > 0)
            part[b] =
                sum((const char *)t->data + (size_t)begin * element, left < block ? left : block);
    }

    double total = 0;
    for (int b = 0; b < BLOCKS; b++)
        total += part[b];
    return total;
}

/* Calls loop over the gradient of every parameter that moves. */
static void for_each_gradient(reel_params *params, const reel_ctx *ctx,
                              reel_scalar_loop_fn *const *loops, double a)
{
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (!reel_param_moves(p))
            continue;
        const int64_t n = reel_tensor_numel(&p->grad), block = block_size(n);
        const size_t element = reel_dtype_size(p->grad.dtype);
#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(ctx)) if (n > REEL_OPTIM_PARALLEL)
        for (int b = 0; b < BLOCKS; b++) {
            const int64_t begin = b * block, left = n - begin;
            if (left > 0)
                loops[p->grad.dtype]((char *)p->grad.data + (size_t)begin * element,
                                     left < block ? left : block, a);
        }
    }
}

double reel_grad_norm(const reel_params *params, const reel_ctx *ctx)
{
    if (!params || !ctx)
        return NAN;

    double total = 0;
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (reel_param_moves(p))
            total += reel_tensor_square_sum(&p->grad, ctx);
    }
    return sqrt(total);
}

double reel_clip_grad_norm(reel_params *params, const reel_ctx *ctx, double max_norm)
{
    const double norm = reel_grad_norm(params, ctx);
    if (!(max_norm > 0))
        return norm;
    const double factor = max_norm / (norm + 1e-6); /* PyTorch's guard, so that figures agree */
    if (isfinite(norm) && factor < 1)
        for_each_gradient(params, ctx, reel_scale_loops, factor);
    return norm;
}

void reel_clip_grad_value(reel_params *params, const reel_ctx *ctx, double max_abs)
{
    if (!params || !ctx)
        return;
    if (max_abs > 0)
        for_each_gradient(params, ctx, reel_clamp_loops, max_abs);
}
