/* Finds NaN and infinity before they reach a weight. A check reads the gradients once; an update
 * reads and writes five times as much. */
#include <stdlib.h>

#include "optim/engine/internal.h"

enum { BLOCK = 1 << 16 };

static bool range_is_finite(const reel_tensor *t, reel_range own, const reel_ctx *ctx)
{
    const int64_t n = own.end - own.begin, blocks = (n + BLOCK - 1) / BLOCK;
    const size_t element = reel_dtype_size(t->dtype);
    reel_finite_fn *const finite = reel_finite_loops[t->dtype];
    int bad = 0;
#pragma omp parallel for schedule(static) num_threads(reel_ctx_threads(ctx))                       \
    reduction(| : bad) if (n > REEL_OPTIM_PARALLEL)
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t begin = own.begin + b * BLOCK, left = own.end - begin;
        bad |=
            !finite((const char *)t->data + (size_t)begin * element, left < BLOCK ? left : BLOCK);
    }
    return !bad;
}

/* The first finding over all ranks. Each rank marks its own first finding among the parameters;
 * `backwards` is the order of the search. */
static reel_status agree_on_first(const reel_optim_share *share, int count, bool backwards,
                                  int *index, reel_error *err)
{
    if (!share || count == 0)
        return REEL_OK;
    double *found = calloc((size_t)count, sizeof *found);
    if (!found)
        return reel_optim_no_memory(share, "search for NaN", err);
    if (*index >= 0)
        found[*index] = 1;

    const reel_status status = reel_optim_add_up(share, found, count, err);
    *index = -1;
    for (int k = 0; k < count && *index < 0; k++) {
        const int i = backwards ? count - 1 - k : k;
        if (found[i] > 0)
            *index = i;
    }
    free(found);
    return status;
}

reel_status reel_grad_not_finite_shared(const reel_params *params, const reel_ctx *ctx,
                                        const reel_optim_share *share, int *index, reel_error *err)
{
    REEL_NEED(params, err);
    REEL_NEED(ctx, err);
    REEL_NEED(index, err);
    REEL_TRY(reel_optim_share_check(params, share, err));

    *index = -1;
    const int count = reel_params_count(params);
    for (int i = count - 1; i >= 0 && *index < 0; i--) {
        const reel_param *p = reel_params_at(params, i);
        if (reel_param_moves(p) && !range_is_finite(&p->grad, reel_optim_share_of(share, p), ctx))
            *index = i;
    }
    return agree_on_first(share, count, true, index, err);
}

int reel_grad_not_finite(const reel_params *params, const reel_ctx *ctx)
{
    int index = -1;
    return reel_grad_not_finite_shared(params, ctx, NULL, &index, NULL) ? -1 : index;
}

static bool param_is_finite(const reel_optimizer *opt, int i)
{
    const reel_param *p = reel_params_at(opt->params, i);
    const reel_range own = reel_optim_share_of(opt->share, p);
    if (!range_is_finite(&p->value, own, opt->ctx))
        return false;
    for (int s = 0; s < reel_optimizer_arrays(opt->config.kind); s++) {
        const reel_tensor state = reel_optimizer_state(opt, s, i);
        if (state.data && !range_is_finite(&state, own, opt->ctx))
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

reel_status reel_optimizer_not_finite_shared(const reel_optimizer *opt, int *index, reel_error *err)
{
    REEL_NEED(opt, err);
    REEL_NEED(index, err);
    *index = reel_optimizer_not_finite(opt);
    return agree_on_first(opt->share, reel_params_count(opt->params), false, index, err);
}
