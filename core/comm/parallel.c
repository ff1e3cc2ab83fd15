/* Making a reel_parallel, and a step's sum and publication. */
#include "core/comm/parallel.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/comm/parallel_internal.h"
#include "core/hash.h"
#include "core/memory.h"

/* ---- what the ranks must have in common ---- */

static uint64_t hash_store(const reel_params *params)
{
    const int dtype = (int)reel_params_dtype(params);
    uint64_t hash = reel_hash_more(REEL_HASH_BEGIN, &dtype, sizeof dtype);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        hash = reel_hash_more(hash, p->name, strlen(p->name) + 1);
        hash = reel_hash_more(hash, p->value.shape, (size_t)p->value.ndim * sizeof *p->value.shape);
        hash = reel_hash_more(hash, &p->flags, sizeof p->flags);
    }
    return hash;
}

uint64_t reel_parallel_hash_gradients(const reel_params *params)
{
    uint64_t hash = REEL_HASH_BEGIN;
    for (int i = 0; i < reel_params_count(params); i++) {
        const bool has = reel_params_at(params, i)->has_grad;
        hash = reel_hash_more(hash, &has, sizeof has);
    }
    return hash;
}

/* Every rank fails where one rank's number differs from rank 0's. */
static reel_status compare_ranks(reel_comm *comm, uint64_t mine, const char *what, reel_error *err)
{
    uint64_t first = mine;
    REEL_TRY(reel_comm_broadcast(comm, &first, sizeof first, 0, what, err));
    reel_status status = REEL_OK;
    if (mine != first)
        status = reel_fail(err, REEL_ERR_INVALID, "%s differ from rank 0's", what);
    return reel_comm_agree(comm, status, err, what);
}

/* ---- creation ---- */

static reel_status check_division(const reel_parallel *p, const reel_parallel_config *c,
                                  reel_error *err)
{
    const int ranks = p->comm->ranks;
    if (!reel_params_own_values(p->params))
        return reel_fail(err, REEL_ERR_INVALID, "ranks: the parameters are not committed");
    if (c->pieces < ranks)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%d ranks need at least %d pieces of a batch, got %" PRId64
                         "; take %d, %d or %d pieces, or fewer ranks",
                         ranks, ranks, c->pieces, ranks, 2 * ranks, 4 * ranks);
    for (int r = 0; c->cuts && r <= ranks; r++) {
        const int64_t least = r > 0 ? c->cuts[r - 1] : 0, most = r > 0 ? p->size : 0;
        if (c->cuts[r] < least || c->cuts[r] > most || (r == ranks && c->cuts[r] != p->size))
            return reel_fail(err, REEL_ERR_INVALID,
                             "shares of ranks: expected cuts that ascend from 0 to %" PRId64
                             ", got %" PRId64 " at place %d",
                             p->size, c->cuts[r], r);
    }
    return REEL_OK;
}

/* Backward writes subtree k from now on. */
static void *bind_subtree(reel_parallel *p, int k)
{
    p->seen[p->current] = reel_parallel_hash_gradients(p->params);
    p->current = k;
    void *grads = p->comm->ranks > 1 ? p->leaves[p->own_leaf + k].window.memory : NULL;
    reel_params_bind_grads(p->params, grads);
    reel_params_zero_grad(p->params);
    return grads;
}

/* All that a rank can do by itself. */
static reel_status prepare_parallel(reel_parallel *p, const reel_parallel_config *config,
                                    reel_error *err)
{
    const int ranks = p->comm->ranks, rank = p->comm->rank;
    REEL_TRY(check_division(p, config, err));
    p->pieces = config->pieces;
    p->cuts = calloc((size_t)ranks + 1, sizeof *p->cuts);
    p->first = calloc((size_t)ranks + 1, sizeof *p->first);
    p->ranges.list = calloc((size_t)reel_params_count(p->params) + 1, sizeof *p->ranges.list);
    p->late = calloc((size_t)reel_params_count(p->params) + 1, sizeof *p->late);
    if (!p->cuts || !p->first || !p->ranges.list || !p->late)
        return reel_fail(err, REEL_ERR_MEMORY, "shares of ranks: out of memory");

    p->cuts[ranks] = p->size;
    for (int r = 0; r < ranks; r++)
        p->cuts[r] = config->cuts ? config->cuts[r]
                                  : reel_range_part((reel_range){0, p->size}, r, ranks).begin;
    REEL_TRY(reel_divide_pieces(p->first, p->pieces, ranks, err));
    const reel_pieces own = {p->first[rank], p->first[rank + 1] - p->first[rank]};
    p->n_mine = reel_maximal_subtrees(p->mine, p->pieces, own);
    return ranks > 1 ? reel_parallel_plan(p, err) : REEL_OK;
}

static reel_status connect_stores(reel_parallel *p, bool overlap, reel_error *err)
{
    uint64_t mine = hash_store(p->params);
    mine = reel_hash_more(mine, &p->pieces, sizeof p->pieces);
    mine = reel_hash_more(mine, &overlap, sizeof overlap);
    mine = reel_hash_more(mine, p->cuts, ((size_t)p->comm->ranks + 1) * sizeof *p->cuts);
    REEL_TRY(compare_ranks(p->comm, mine, "parameters, pieces or shares", err));
    REEL_TRY(reel_parallel_share_memory(p, err));
    REEL_TRY(reel_parallel_move_in(p, err));
    return overlap ? reel_overlap_make(&p->overlap, p, err) : REEL_OK;
}

reel_status reel_parallel_create(reel_parallel **out, reel_comm *comm, reel_params *params,
                                 const reel_ctx *ctx, const reel_parallel_config *config,
                                 reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    REEL_NEED(comm, err);
    REEL_NEED(params, err);
    REEL_NEED(ctx, err);
    REEL_NEED(config, err);
    reel_parallel *p = calloc(1, sizeof *p);
    if (!p)
        return reel_comm_break_no_memory(comm, "the division of the work", err);
    *p = (reel_parallel){
        .comm = comm,
        .params = params,
        .size = reel_params_flat_size(params),
        .element = reel_dtype_size(reel_params_dtype(params)),
        .values = {.file = -1},
        .adder = {.dtype = reel_params_dtype(params), .threads = reel_ctx_threads(ctx)}};

    reel_status status = prepare_parallel(p, config, err);
    if (comm->ranks > 1)
        status = reel_comm_agree(comm, status, err, "the division of the work");
    if (status == REEL_OK && comm->ranks > 1)
        status = connect_stores(p, config->overlap, err);
    if (status != REEL_OK) {
        reel_parallel_destroy(p);
        return status;
    }
    bind_subtree(p, 0);
    *out = p;
    return REEL_OK;
}

/* Messages are under way: what they read and write stays until the process ends. */
static void leave_memory(reel_parallel *p)
{
    for (int k = 0; p->leaves && k < p->n_leaves; k++)
        p->leaves[k].window.memory = NULL;
    p->values.memory = NULL;
    p->received = NULL;
    for (int k = 0; p->host_sums && k < p->n_host_sums; k++)
        p->host_sums[k].sums = NULL;
    for (int i = 0; i < p->n_more; i++)
        p->more[i].memory = NULL;
}

void reel_parallel_destroy(reel_parallel *p)
{
    if (!p)
        return;
    /* The overlap knows its own messages only. Those of this thread are done where its last
     * exchange has succeeded. */
    const bool quiet =
        reel_overlap_end(p->overlap) && (p->comm->ranks == 1 || !reel_comm_is_broken(p->comm));
    if (p->moved_in)
        reel_parallel_move_out(p);
    if (reel_params_own_values(p->params))
        reel_params_zero_grad(p->params);
    if (!quiet)
        leave_memory(p);
    for (int i = 0; i < p->n_more; i++)
        reel_window_free(&p->more[i]);
    free(p->more);
    for (int k = 0; p->leaves && k < p->n_leaves; k++)
        reel_window_free(&p->leaves[k].window);
    reel_window_free(&p->values);
    reel_parallel_free_plan(p);
    free(p->sends.list);
    free(p->receives.list);
    free(p->ranges.list);
    free(p->late);
    free(p->first);
    free(p->cuts);
    free(p);
}

/* ---- what a rank holds ---- */

int reel_parallel_subtrees(const reel_parallel *p, const reel_pieces **out)
{
    if (out)
        *out = p ? p->mine : NULL;
    return p ? p->n_mine : 0;
}

reel_range reel_parallel_share(const reel_parallel *p, int rank)
{
    if (!p || rank < 0 || rank >= p->comm->ranks)
        return (reel_range){0, 0};
    return (reel_range){p->cuts[rank], p->cuts[rank + 1]};
}

void *reel_parallel_subtree(reel_parallel *p, int k)
{
    if (!p || k < 0 || k >= p->n_mine)
        return NULL;
    if (p->overlap)
        reel_overlap_open(p->overlap);
    return bind_subtree(p, k);
}
