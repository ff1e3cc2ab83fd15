/* Finds NaN and infinity before they reach a weight. A check reads the gradients once; an update
 * reads and writes five times as much. */
#include "optim/engine/internal.h"

enum { BLOCK = 1 << 16 };

static bool tensor_is_finite(const reel_tensor *t, const reel_ctx *ctx)
{
    const int64_t n = reel_tensor_numel(t), blocks = (n + BLOCK - 1) / BLOCK;
    const size_t element = reel_dtype_size(t->dtype);
    reel_finite_fn *const finite = reel_finite_loops[t->dtype];
    int bad = 0;
#pragma omp parallel for schedule(static) num_threads(reel_ctx_threads(ctx))                       \
    reduction(| : bad) if (n > REEL_OPTIM_PARALLEL)
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t begin = b * BLOCK, left = n - begin;
        bad |=
            !finite((const char *)t->data + (size_t)begin * element, left < BLOCK ? left : BLOCK);
    }
    return !bad;
}

int reel_grad_not_finite(const reel_params *params, const reel_ctx *ctx)
{
    if (!params || !ctx)
        return -1;
    for (int i = reel_params_count(params) - 1; i >= 0; i--) {
        const reel_param *p = reel_params_at(params, i);
        if (reel_param_moves(p) && !tensor_is_finite(&p->grad, ctx))
            return i;
    }
    return -1;
}

static bool param_is_finite(const reel_optimizer *opt, int i)
{
    if (!tensor_is_finite(&reel_params_at(opt->params, i)->value, opt->ctx))
        return false;
    for (int s = 0; s < reel_optimizer_arrays(opt->config.kind); s++) {
        const reel_tensor state = reel_optimizer_state(opt, s, i);
        if (state.data && !tensor_is_finite(&state, opt->ctx))
            return false;
    }
    return true;
}

int reel_optimizer_not_finite(const reel_optimizer *opt)
{
    if (!opt)
        return -1;
    for (int i = 0; i < reel_params_count(opt->params); i++)
        if (!param_is_finite(opt, i))
            return i;
    return -1;
}
