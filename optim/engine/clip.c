/* Gradient norms and clipping.
 *
 * A norm has the same bits for any number of threads and ranks: a tensor is cut into blocks by its
 * size alone, one thread of one rank sums a block in double, and the blocks are added in order. */
#include <math.h>
#include <stdlib.h>

#include "optim/engine/internal.h"

/* ---- sums of squares ---- */

int64_t reel_sum_block(int64_t n)
{
    return ((n + REEL_SUM_BLOCKS - 1) / REEL_SUM_BLOCKS + 1023) / 1024 * 1024;
}

static int64_t sum_blocks(int64_t n)
{
    const int64_t block = reel_sum_block(n);
    return (n + block - 1) / block;
}

/* part[b] = sum of squares of block b, for all blocks of t that `own` holds. */
static void sum_own_blocks(const reel_tensor *t, const reel_ctx *ctx, reel_range own, double *part)
{
    const int64_t block = reel_sum_block(reel_tensor_numel(t));
    const int64_t first = own.begin / block, last = (own.end + block - 1) / block;
    const size_t element = reel_dtype_size(t->dtype);
    reel_square_sum_fn *const sum = reel_square_sum_loops[t->dtype];

#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(ctx)) if (own.end - own.begin > REEL_OPTIM_PARALLEL)
    for (int64_t b = first; b < last; b++) {
        const int64_t begin = b * block, left = own.end - begin;
        part[b] = sum((const char *)t->data + (size_t)begin * element, left < block ? left : block);
    }
}

static double add_in_order(const double *part, int64_t blocks)
{
    double total = 0;
    for (int64_t b = 0; b < blocks; b++)
        total += part[b];
    return total;
}

reel_status reel_square_sums_open(reel_square_sums *sums, const reel_params *params,
                                  const reel_ctx *ctx, const reel_optim_share *share, bool values,
                                  reel_error *err)
{
    *sums = (reel_square_sums){.ctx = ctx};
    if (!share)
        return REEL_OK;

    int64_t blocks = 0;
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (reel_param_moves(p))
            blocks += sum_blocks(reel_tensor_numel(&p->value)) * (values ? 2 : 1);
    }
    sums->part = calloc((size_t)blocks + 1, sizeof *sums->part);
    if (!sums->part)
        return reel_optim_no_memory(share, "norms of the gradients", err);

    int64_t at = 0;
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (!reel_param_moves(p))
            continue;
        const reel_range own = reel_optim_share_of(share, p);
        const int64_t n = sum_blocks(reel_tensor_numel(&p->value));
        sum_own_blocks(&p->grad, ctx, own, sums->part + at);
        if (values)
            sum_own_blocks(&p->value, ctx, own, sums->part + at + n);
        at += values ? 2 * n : n;
    }

    return reel_optim_add_up(share, sums->part, blocks, err);
}

double reel_square_sums_next(reel_square_sums *sums, const reel_tensor *t)
{
    const int64_t n = reel_tensor_numel(t), blocks = sum_blocks(n);
    if (!sums->part) {
        double part[REEL_SUM_BLOCKS];
        sum_own_blocks(t, sums->ctx, (reel_range){0, n}, part);
        return add_in_order(part, blocks);
    }
    const double *part = sums->part + sums->at;
    sums->at += blocks;
    return add_in_order(part, blocks);
}

void reel_square_sums_close(reel_square_sums *sums)
{
    free(sums->part);
    sums->part = NULL;
}

/* ---- norms and clipping ---- */

/* Calls loop over the share's part of the gradient of every parameter that moves. */
static void for_each_gradient(reel_params *params, const reel_ctx *ctx,
                              const reel_optim_share *share, reel_scalar_loop_fn *const *loops,
                              double a)
{
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (!reel_param_moves(p))
            continue;
        const reel_range own = reel_optim_share_of(share, p);
        const int64_t block = reel_sum_block(reel_tensor_numel(&p->grad));
        const size_t element = reel_dtype_size(p->grad.dtype);
#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(ctx)) if (own.end - own.begin > REEL_OPTIM_PARALLEL)
        for (int64_t begin = own.begin; begin < own.end; begin += block) {
            const int64_t left = own.end - begin;
            loops[p->grad.dtype]((char *)p->grad.data + (size_t)begin * element,
                                 left < block ? left : block, a);
        }
    }
}

reel_status reel_grad_norm_shared(const reel_params *params, const reel_ctx *ctx,
                                  const reel_optim_share *share, double *norm, reel_error *err)
{
    REEL_NEED(params, err);
    REEL_NEED(ctx, err);
    REEL_NEED(norm, err);
    REEL_TRY(reel_optim_share_check(params, share, err));

    reel_square_sums sums;
    reel_status status;
    double total = 0;
    REEL_TRY_GOTO(reel_square_sums_open(&sums, params, ctx, share, false, err), done);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (reel_param_moves(p))
            total += reel_square_sums_next(&sums, &p->grad);
    }
    *norm = sqrt(total);
done:
    reel_square_sums_close(&sums);
    return status;
}

reel_status reel_param_norms_shared(const reel_params *params, const reel_ctx *ctx,
                                    const reel_optim_share *share, double *gradients,
                                    double *weights, reel_error *err)
{
    REEL_NEED(params, err);
    REEL_NEED(ctx, err);
    REEL_NEED(gradients, err);
    REEL_NEED(weights, err);
    REEL_TRY(reel_optim_share_check(params, share, err));

    reel_square_sums sums;
    reel_status status;
    REEL_TRY_GOTO(reel_square_sums_open(&sums, params, ctx, share, true, err), done);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        gradients[i] = weights[i] = 0;
        if (!reel_param_moves(p))
            continue;
        gradients[i] = sqrt(reel_square_sums_next(&sums, &p->grad));
        weights[i] = sqrt(reel_square_sums_next(&sums, &p->value));
    }
done:
    reel_square_sums_close(&sums);
    return status;
}

reel_status reel_clip_grad_norm_shared(reel_params *params, const reel_ctx *ctx, double max_norm,
                                       const reel_optim_share *share, double *norm, reel_error *err)
{
    REEL_TRY(reel_grad_norm_shared(params, ctx, share, norm, err));
    if (!(max_norm > 0))
        return REEL_OK;
    const double factor = max_norm / (*norm + 1e-6); /* PyTorch's guard, so that figures agree */
    if (isfinite(*norm) && factor < 1)
        for_each_gradient(params, ctx, share, reel_scale_loops, factor);
    return REEL_OK;
}

double reel_grad_norm(const reel_params *params, const reel_ctx *ctx)
{
    double norm = NAN;
    return reel_grad_norm_shared(params, ctx, NULL, &norm, NULL) ? NAN : norm;
}

double reel_clip_grad_norm(reel_params *params, const reel_ctx *ctx, double max_norm)
{
    double norm = NAN;
    return reel_clip_grad_norm_shared(params, ctx, max_norm, NULL, &norm, NULL) ? NAN : norm;
}

void reel_clip_grad_value(reel_params *params, const reel_ctx *ctx, double max_abs)
{
    if (!params || !ctx)
        return;
    if (max_abs > 0)
        for_each_gradient(params, ctx, NULL, reel_clamp_loops, max_abs);
}
