/* Shares of the elements: where they may be cut, and which part of a parameter a share holds. */
#include "optim/share.h"

#include "optim/engine/internal.h"

/* The index of the last parameter that begins at `at` or before. */
static int param_at(const reel_params *params, int64_t at)
{
    int low = 0, high = reel_params_count(params);
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        if (reel_params_at(params, middle)->offset <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The place nearest to `at` where a share may begin or end; of two, the lower. A block has one
 * owner, so that its sum is taken by one rank, in one order. */
static int64_t nearest_cut(const reel_params *params, int64_t at)
{
    const int64_t flat = reel_params_flat_size(params);
    if (at <= 0 || at >= flat)
        return at <= 0 ? 0 : flat;

    const int i = param_at(params, at);
    const reel_param *p = reel_params_at(params, i), *next = reel_params_at(params, i + 1);
    const int64_t n = reel_tensor_numel(&p->value), block = reel_sum_block(n);
    const int64_t last = (n - 1) / block, inside = (at - p->offset) / block;
    const int64_t b = inside < last ? inside : last;

    const int64_t low = p->offset + b * block;
    int64_t high = next ? next->offset : flat;
    if (b < last)
        high = low + block;
    return high - at < at - low ? high : low;
}

void reel_optim_cuts(const reel_params *params, int ranks, int64_t *cuts)
{
    if (!params || ranks < 1 || !cuts)
        return;
    /* i flat / ranks without the product, which may not fit */
    const int64_t flat = reel_params_flat_size(params), each = flat / ranks, rest = flat % ranks;
    for (int64_t i = 0; i <= ranks; i++)
        cuts[i] = nearest_cut(params, each * i + rest * i / ranks);
}

reel_status reel_optim_share_check(const reel_params *params, const reel_optim_share *share,
                                   reel_error *err)
{
    if (share && (share->begin > share->end || share->begin != nearest_cut(params, share->begin) ||
                  share->end != nearest_cut(params, share->end)))
        return reel_fail(err, REEL_ERR_INVALID,
                         "share of the elements: expected two cuts of reel_optim_cuts, got %lld "
                         "and %lld",
                         (long long)share->begin, (long long)share->end);
    return REEL_OK;
}

reel_range reel_optim_share_of(const reel_optim_share *share, const reel_param *p)
{
    reel_range own = {0, reel_tensor_numel(&p->value)};
    if (!share)
        return own;

    const int64_t begin = share->begin - p->offset, end = share->end - p->offset;
    if (own.begin < begin)
        own.begin = begin;
    if (own.end > end)
        own.end = end;
    if (own.begin >= own.end)
        own = (reel_range){0, 0};
    return own;
}

reel_status reel_optim_add_up(const reel_optim_share *share, double *x, int64_t n, reel_error *err)
{
    if (!share->add_up)
        return reel_fail(err, REEL_ERR_INVALID,
                         "share of the elements: expected a function add_up, got none");
    return share->add_up(share->user, x, n, err);
}

reel_status reel_optim_no_memory(const reel_optim_share *share, const char *what, reel_error *err)
{
    reel_error why;
    reel_fail(&why, REEL_ERR_MEMORY, "%s: out of memory", what);
    if (share->fail)
        share->fail(share->user, &why);
    return reel_fail(err, REEL_ERR_MEMORY, "%s", why.message);
}
