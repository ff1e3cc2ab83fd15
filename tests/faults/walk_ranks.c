/* library_walk through core/comm as far as one process comes: a comm without a launcher, data
 * parallelism of one rank, sums along a tree, a window. */
#include <stdlib.h>
#include <unistd.h>

#include "core/comm/comm.h"
#include "core/comm/division.h"
#include "core/comm/parallel.h"
#include "core/comm/sum_tree.h"
#include "core/comm/window.h"
#include "core/piece_sum.h"
#include "core/statistics.h"
#include "optim/data_parallel.h"
#include "optim/optim.h"
#include "tests/faults/walk.h"

static reel_status make_store(reel_params **params, reel_error *err)
{
    const int64_t size = 100;
    reel_status status = reel_params_create(params, REEL_F32, err);
    NEXT(reel_params_add(*params, "weight", 1, &size, 0, NULL, err));
    NEXT(reel_params_commit(*params, err));
    return status;
}

static reel_status no_gradient(void *user, reel_pieces part, reel_error *err)
{
    (void)err;
    walk_note_number(user, part.first);
    return REEL_OK;
}

static reel_status alone(walk *w, reel_error *err)
{
    const reel_ctx_config one_thread = {.threads = 1};
    const reel_parallel_config config = {.pieces = 6};
    reel_ctx *ctx = NULL;
    reel_comm *comm = NULL;
    reel_params *params = NULL;
    reel_parallel *parallel = NULL;
    reel_piece_sum *sum = NULL;
    void *array;
    reel_status status = reel_ctx_create(&ctx, &one_thread, err);
    NEXT(reel_comm_open(&comm, NULL, err));
    NEXT(make_store(&params, err));
    if (status == REEL_OK && reel_comm_pieces(comm, 6, 0).count != 6)
        status = reel_fail(err, REEL_ERR_MEMORY, "no pieces"); /* which says nothing more */
    NEXT(reel_parallel_create(&parallel, comm, params, ctx, &config, err));
    NEXT(reel_piece_sum_create(&sum, params, ctx, err));
    if (status == REEL_OK) {
        const reel_pieces *trees;
        reel_parallel_subtrees(parallel, &trees);
        void *grads = reel_parallel_subtree(parallel, 0);
        status = reel_piece_sum_run(sum, trees[0], 1, grads, no_gradient, w, err);
    }
    NEXT(reel_parallel_sum(parallel, err));
    NEXT(reel_parallel_publish(parallel, err));
    NEXT(reel_parallel_array(parallel, &array, err));
    NEXT(reel_parallel_complete(parallel, array, err));
    reel_piece_sum_destroy(sum);
    reel_parallel_destroy(parallel);
    reel_params_destroy(params);
    reel_comm_close(comm);
    reel_ctx_destroy(ctx);
    return status;
}

/* A loop of one's own. */
static reel_status loop_alone(walk *w, reel_error *err)
{
    const reel_ctx_config one_thread = {.threads = 1};
    reel_ctx *ctx = NULL;
    reel_comm *comm = NULL;
    reel_params *params = NULL;
    reel_optimizer *opt = NULL;
    reel_data_parallel *parallel = NULL;
    reel_status status = reel_ctx_create(&ctx, &one_thread, err);
    NEXT(reel_comm_open(&comm, NULL, err));
    NEXT(make_store(&params, err));
    NEXT(reel_sgd_create(&opt, params, ctx, NULL, err));
    NEXT(reel_data_parallel_create(&parallel, comm, opt, 6, err));
    NEXT(reel_data_parallel_backward(parallel, no_gradient, w, err));
    NEXT(reel_data_parallel_step(parallel, 0.1, err));
    reel_data_parallel_destroy(parallel);
    reel_optimizer_destroy(opt);
    reel_params_destroy(params);
    reel_comm_close(comm);
    reel_ctx_destroy(ctx);
    return status;
}

static reel_status add_nothing(void *user, double *x, int64_t n, reel_error *err)
{
    (void)user;
    (void)x;
    (void)n;
    (void)err;
    return REEL_OK; /* there is one rank */
}

/* Norms and searches over shares; a record of batch statistics. */
static reel_status shares(walk *w, reel_error *err)
{
    const reel_ctx_config one_thread = {.threads = 1};
    reel_ctx *ctx = NULL;
    reel_params *params = NULL;
    reel_statistics *record = NULL;
    reel_optimizer *opt = NULL;
    double norm = 0, gradient, weight; /* of the one parameter */
    int bad = -1;
    reel_status status = reel_ctx_create(&ctx, &one_thread, err);
    NEXT(make_store(&params, err));
    const reel_optim_share all = {.end = reel_params_flat_size(params), .add_up = add_nothing};
    NEXT(reel_statistics_create(&record, params, 3, err));
    NEXT(reel_sgd_create(&opt, params, ctx, NULL, err));
    NEXT(reel_optimizer_set_share(opt, &all, err));
    if (status == REEL_OK)
        reel_params_at(params, 0)->has_grad = true;
    NEXT(reel_clip_grad_norm_shared(params, ctx, 1, &all, &norm, err));
    NEXT(reel_param_norms_shared(params, ctx, &all, &gradient, &weight, err));
    NEXT(reel_grad_not_finite_shared(params, ctx, &all, &bad, err));
    NEXT(reel_optimizer_not_finite_shared(opt, &bad, err));
    walk_note_number(w, bad);
    reel_optimizer_destroy(opt);
    reel_statistics_destroy(record);
    reel_params_destroy(params);
    reel_ctx_destroy(ctx);
    return status;
}

static reel_status sums_and_windows(walk *w, reel_error *err)
{
    const reel_pieces leaves[3] = {{0, 1}, {1, 1}, {2, 1}};
    reel_sum_tree tree = {0};
    reel_window own = {.file = -1}, other = {.file = -1};
    reel_status status = reel_sum_tree_make(&tree, (reel_pieces){0, 3}, leaves, 3, err);
    NEXT(reel_window_create(&own, 5000, err));
    NEXT(reel_window_reserve(&own, 0, 5000, err));
    NEXT(reel_window_join(&other, (int)getpid(), own.file, 5000, err));
    int64_t first[4] = {0};
    NEXT(reel_divide_pieces(first, 7, 3, err));
    walk_note_number(w, tree.n_steps);
    walk_note(w, first, sizeof first);
    reel_window_free(&other);
    reel_window_free(&own);
    reel_sum_tree_free(&tree);
    return status;
}

void walk_ranks(void)
{
    walk_means_memory = true;
    walk_try("ranks: alone", alone, NULL, 0);
    walk_try("ranks: loop", loop_alone, NULL, 0);
    walk_try("ranks: shares", shares, NULL, 0);
    walk_try("ranks: sums, windows", sums_and_windows, NULL, 0);
    walk_means_memory = false;
}
