/* A loop on several processes: joins the optimizer's share with core/comm/parallel.h. */
#include "optim/data_parallel.h"

#include <stdlib.h>

#include "optim/engine/internal.h"

struct reel_data_parallel {
    reel_comm *comm;
    reel_optimizer *opt;
    reel_parallel *parallel;
    reel_piece_sum *sum;
    reel_optim_share share;
};

static reel_status add_up_norms(void *user, double *x, int64_t n, reel_error *err)
{
    return reel_comm_add_up(user, x, n, "norms of the gradients", err);
}

static reel_status fail_norms(void *user, reel_error *err)
{
    return reel_comm_fail(user, err);
}

reel_optim_share reel_optim_share_over(reel_comm *comm, int64_t begin, int64_t end)
{
    return (reel_optim_share){begin, end, add_up_norms, comm, fail_norms};
}

static reel_status join_ranks(reel_data_parallel *d, int64_t pieces, int64_t *cuts, reel_error *err)
{
    reel_params *params = d->opt->params;
    const reel_ctx *ctx = d->opt->ctx;
    const int rank = reel_comm_rank(d->comm);
    reel_status status = cuts ? reel_piece_sum_create(&d->sum, params, ctx, err)
                              : reel_fail(err, REEL_ERR_MEMORY, "shares: out of memory");
    REEL_TRY(reel_comm_agree(d->comm, status, err, "a loop on several processes"));

    reel_optim_cuts(params, reel_comm_ranks(d->comm), cuts);
    const reel_parallel_config config = {.pieces = pieces, .cuts = cuts};
    REEL_TRY(reel_parallel_create(&d->parallel, d->comm, params, ctx, &config, err));
    d->share = reel_optim_share_over(d->comm, cuts[rank], cuts[rank + 1]);
    return reel_optimizer_set_share(d->opt, &d->share, err);
}

reel_status reel_data_parallel_create(reel_data_parallel **out, reel_comm *comm,
                                      reel_optimizer *opt, int64_t pieces, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    REEL_NEED(comm, err);
    REEL_NEED(opt, err);
    reel_data_parallel *d = calloc(1, sizeof *d);
    int64_t *cuts = calloc((size_t)reel_comm_ranks(comm) + 1, sizeof *cuts);
    reel_data_parallel none = {0};
    reel_data_parallel *made = d ? d : &none; /* a rank without memory still tells the others */
    made->comm = comm;
    made->opt = opt;
    const reel_status status = join_ranks(made, pieces, d ? cuts : NULL, err);
    free(cuts);
    if (status == REEL_OK)
        *out = d;
    else
        reel_data_parallel_destroy(d);
    return status;
}

void reel_data_parallel_destroy(reel_data_parallel *parallel)
{
    if (!parallel)
        return;
    if (parallel->opt)
        parallel->opt->share = NULL;
    reel_piece_sum_destroy(parallel->sum);
    reel_parallel_destroy(parallel->parallel);
    free(parallel);
}

reel_status reel_data_parallel_backward(reel_data_parallel *parallel, reel_piece_compute *compute,
                                        void *user, reel_error *err)
{
    REEL_NEED(parallel, err);
    REEL_NEED(compute, err);
    const reel_pieces *trees;
    const int n = reel_parallel_subtrees(parallel->parallel, &trees);
    for (int k = 0; k < n; k++) {
        void *grads = reel_parallel_subtree(parallel->parallel, k);
        REEL_TRY(reel_piece_sum_run(parallel->sum, trees[k], 1, grads, compute, user, err));
    }
    return reel_parallel_sum(parallel->parallel, err);
}

reel_status reel_data_parallel_step(reel_data_parallel *parallel, double lr, reel_error *err)
{
    REEL_NEED(parallel, err);
    REEL_TRY(reel_optimizer_step(parallel->opt, lr, err));
    return reel_parallel_publish(parallel->parallel, err);
}

const reel_optim_share *reel_data_parallel_share(const reel_data_parallel *parallel)
{
    return parallel ? &parallel->share : NULL;
}
