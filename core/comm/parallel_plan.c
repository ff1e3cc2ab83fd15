/* Who adds what. The leaves are the subtrees of single ranks on this host, and the maximal subtrees
 * of the pieces of every other host. */
#include <stdlib.h>

#include "core/comm/parallel_internal.h"
#include "core/memory.h"

/* The pieces of all ranks of a host: they are consecutive. */
static reel_pieces pieces_of_host(const reel_parallel *p, int host)
{
    const int64_t begin = p->first[p->comm->first[host]], end = p->first[p->comm->first[host + 1]];
    return (reel_pieces){begin, end - begin};
}

static reel_pieces pieces_of_rank(const reel_parallel *p, int rank)
{
    return (reel_pieces){p->first[rank], p->first[rank + 1] - p->first[rank]};
}

/* Goes over the leaves; fills p->all and p->leaves where they are there. */
static void list_leaves(reel_parallel *p)
{
    const reel_comm *comm = p->comm;
    const int own_host = comm->peers[comm->rank].host;
    reel_pieces trees[REEL_MOST_SUBTREES];
    p->n_all = 0;
    for (int r = comm->first[own_host]; r < comm->first[own_host + 1]; r++) {
        const int n = reel_maximal_subtrees(trees, p->pieces, pieces_of_rank(p, r));
        if (r == comm->rank)
            p->own_leaf = p->n_all;
        for (int k = 0; k < n; k++, p->n_all++) {
            if (!p->all)
                continue;
            p->all[p->n_all] = trees[k];
            p->leaves[p->n_all] = (reel_host_leaf){.rank = r, .window = {.file = -1}};
        }
    }
    p->n_leaves = p->n_all;

    for (int host = 0; host < comm->hosts; host++) {
        if (host == own_host)
            continue;
        const int n = reel_maximal_subtrees(trees, p->pieces, pieces_of_host(p, host));
        for (int k = 0; k < n; k++, p->n_all++)
            if (p->all)
                p->all[p->n_all] = trees[k];
    }
}

/* Room for this rank's share of every leaf of another host. */
static reel_status make_receive_memory(reel_parallel *p, reel_error *err)
{
    const int64_t begin = p->cuts[p->comm->rank], share = p->cuts[p->comm->rank + 1] - begin;
    const int foreign = p->n_all - p->n_leaves;
    p->received_bytes = (size_t)share * p->element * (size_t)foreign;
    if (p->received_bytes == 0)
        return REEL_OK;
    p->received = reel_pages_alloc(p->received_bytes, err);
    if (!p->received)
        return REEL_ERR_MEMORY;
    /* Flat arrays of which the share alone exists: addressed by the element's place in the store.
     */
    for (int k = 0; k < foreign; k++) {
        const int64_t origin = (int64_t)k * share - begin;
        p->arrays[p->n_leaves + k] =
            (void *)((uintptr_t)p->received + (uintptr_t)origin * p->element);
    }
    return REEL_OK;
}

/* The trees of this host's maximal subtrees, which other hosts receive. */
static reel_status plan_host_sums(reel_parallel *p, reel_error *err)
{
    reel_pieces trees[REEL_MOST_SUBTREES];
    const reel_pieces own = pieces_of_host(p, p->comm->peers[p->comm->rank].host);
    const int n = reel_maximal_subtrees(trees, p->pieces, own);
    p->host_sums = calloc((size_t)n, sizeof *p->host_sums);
    if (!p->host_sums)
        return reel_fail(err, REEL_ERR_MEMORY, "sums over pieces: out of memory");
    p->n_host_sums = n;
    for (int k = 0; k < n; k++) {
        reel_host_sum *sum = &p->host_sums[k];
        REEL_TRY(reel_sum_tree_make(&sum->tree, trees[k], p->all, p->n_leaves, err));
        if (sum->tree.n_steps == 1)
            continue; /* one leaf: it is sent from where it lies */
        sum->sums = reel_pages_alloc((size_t)p->size * p->element, err);
        if (!sum->sums)
            return REEL_ERR_MEMORY;
    }
    return REEL_OK;
}

reel_status reel_parallel_plan(reel_parallel *p, reel_error *err)
{
    list_leaves(p); /* counts */
    p->all = calloc((size_t)p->n_all, sizeof *p->all);
    p->leaves = calloc((size_t)p->n_leaves, sizeof *p->leaves);
    p->arrays = calloc((size_t)p->n_all, sizeof *p->arrays);
    if (!p->all || !p->leaves || !p->arrays)
        return reel_fail(err, REEL_ERR_MEMORY, "sums over pieces: out of memory");
    list_leaves(p);

    REEL_TRY(reel_sum_tree_make(&p->tree, (reel_pieces){0, p->pieces}, p->all, p->n_all, err));
    REEL_TRY(make_receive_memory(p, err));
    if (p->comm->hosts > 1)
        REEL_TRY(plan_host_sums(p, err));

    p->adder_bytes = reel_adder_bytes(p->adder.dtype, p->adder.threads);
    p->adder.scratch = reel_pages_alloc(p->adder_bytes, err);
    return p->adder.scratch ? REEL_OK : REEL_ERR_MEMORY;
}

double reel_parallel_arrays(const reel_comm *comm, int64_t pieces)
{
    if (!comm || comm->ranks == 1)
        return 1;
    int64_t *first = calloc((size_t)comm->ranks + 1, sizeof *first);
    if (!first || reel_divide_pieces(first, pieces, comm->ranks, NULL) != REEL_OK) {
        free(first);
        return 0;
    }

    const int rank = comm->rank, own_host = comm->peers[rank].host;
    const reel_pieces own = {first[rank], first[rank + 1] - first[rank]};
    double arrays = reel_maximal_subtrees(NULL, pieces, own);
    for (int host = 0; comm->hosts > 1 && host < comm->hosts; host++) {
        const int64_t begin = first[comm->first[host]], end = first[comm->first[host + 1]];
        const int trees = reel_maximal_subtrees(NULL, pieces, (reel_pieces){begin, end - begin});
        /* Of another host this rank receives its share; of its own it adds up a part to send. */
        arrays += host == own_host ? (double)trees / reel_host_ranks(comm, host)
                                   : (double)trees / comm->ranks;
    }
    free(first);
    return arrays;
}

void reel_parallel_free_plan(reel_parallel *p)
{
    for (int k = 0; k < p->n_host_sums; k++) {
        reel_sum_tree_free(&p->host_sums[k].tree);
        reel_pages_free(p->host_sums[k].sums, (size_t)p->size * p->element);
    }
    free(p->host_sums);
    reel_sum_tree_free(&p->tree);
    reel_pages_free(p->received, p->received_bytes);
    reel_pages_free(p->adder.scratch, p->adder_bytes);
    free(p->all);
    free(p->leaves);
    free(p->arrays);
}
