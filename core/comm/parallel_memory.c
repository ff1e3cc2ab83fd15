/* Windows of a host, and moving a store into them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/comm/parallel_internal.h"
#include "core/memory.h"

/* A rank's windows, by their descriptors: its gradients, and the values if it leads its host. */
typedef struct window_files {
    int32_t values, gradients[REEL_MOST_SUBTREES];
} window_files;

static size_t flat_bytes(const reel_parallel *p)
{
    return (size_t)(p->size > 0 ? p->size : 1) * p->element;
}

static bool is_written_by_backward(const reel_param *param)
{
    return reel_param_is_trained(param) && !param->by_factors;
}

static reel_status reserve_elements(const reel_parallel *p, reel_window *w, reel_range r,
                                    reel_error *err)
{
    return reel_window_reserve(w, (size_t)r.begin * p->element, (size_t)r.end * p->element, err);
}

/* What is trained now is written in every step, so its memory must be there from the beginning.
 * Frozen parameters have gradients only once they are thawed. Of those that are made of factors the
 * rank's share is written, in the first of its arrays. */
static reel_status reserve_gradients(reel_parallel *p, int k, reel_error *err)
{
    reel_window *w = &p->leaves[p->own_leaf + k].window;
    reel_ranges_of(&p->ranges, p->params, is_written_by_backward);
    for (int i = 0; i < p->ranges.n; i++)
        REEL_TRY(reserve_elements(p, w, p->ranges.list[i], err));
    for (int f = 0; k == 0 && f < p->n_factored; f++)
        if (reel_param_is_trained(reel_params_at(p->params, p->factored[f].of.param)))
            REEL_TRY(reserve_elements(p, w, reel_factors_elements(p, f), err));
    return REEL_OK;
}

static reel_status make_windows(reel_parallel *p, reel_error *err)
{
    if (reel_comm_leads_host(p->comm)) {
        REEL_TRY(reel_window_create(&p->values, flat_bytes(p), err));
        REEL_TRY(reel_window_reserve(&p->values, 0, flat_bytes(p), err));
    }
    for (int k = 0; k < p->n_mine; k++) {
        reel_window *w = &p->leaves[p->own_leaf + k].window;
        REEL_TRY(reel_window_create(w, flat_bytes(p), err));
        REEL_TRY(reserve_gradients(p, k, err));
    }
    return REEL_OK;
}

static reel_status join_windows(reel_parallel *p, const window_files *files, reel_error *err)
{
    const reel_comm *comm = p->comm;
    const int leader = comm->first[comm->peers[comm->rank].host];
    if (leader != comm->rank)
        REEL_TRY(reel_window_join(&p->values, comm->peers[leader].process, files[leader].values,
                                  flat_bytes(p), err));
    for (int k = 0, of_rank = 0; k < p->n_leaves; k++) {
        reel_host_leaf *leaf = &p->leaves[k];
        of_rank = k > 0 && leaf->rank == p->leaves[k - 1].rank ? of_rank + 1 : 0;
        if (leaf->rank != comm->rank)
            REEL_TRY(reel_window_join(&leaf->window, comm->peers[leaf->rank].process,
                                      files[leaf->rank].gradients[of_rank], flat_bytes(p), err));
        p->arrays[k] = leaf->window.memory;
    }
    return REEL_OK;
}

reel_status reel_parallel_share_memory(reel_parallel *p, reel_error *err)
{
    const char *what = "memory for weights and gradients";
    reel_comm *comm = p->comm;
    REEL_TRY(reel_comm_agree(comm, make_windows(p, err), err, what));

    window_files *files = calloc((size_t)comm->ranks + 1, sizeof *files);
    window_files *mine = files ? files + comm->ranks : NULL;
    reel_status status =
        files ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "shared memory: out of memory");
    REEL_TRY_GOTO(reel_comm_agree(comm, status, err, what), done);
    mine->values = p->values.file;
    for (int k = 0; k < p->n_mine; k++)
        mine->gradients[k] = p->leaves[p->own_leaf + k].window.file;
    REEL_TRY_GOTO(reel_comm_gather(comm, mine, sizeof *mine, files, what, err), done);

    /* The descriptors stay open until everybody has opened them. */
    REEL_TRY_GOTO(reel_comm_agree(comm, join_windows(p, files, err), err, what), done);
    reel_window_seal(&p->values);
    for (int k = 0; k < p->n_mine; k++)
        reel_window_seal(&p->leaves[p->own_leaf + k].window);
done:
    free(files);
    return status;
}

reel_status reel_parallel_host_window(reel_parallel *p, reel_window *w, size_t bytes, bool reserves,
                                      reel_error *err)
{
    const char *what = "memory that the ranks of a host share";
    reel_comm *comm = p->comm;
    const int leader = comm->first[comm->peers[comm->rank].host];
    const bool leads = leader == comm->rank;
    *w = (reel_window){.file = -1};
    int32_t *files = malloc((size_t)comm->ranks * sizeof *files);
    reel_status status =
        files ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "shared memory: out of memory");
    if (files && leads)
        status = reel_window_create(w, bytes, err);
    if (w->memory && reserves)
        status = reel_window_reserve(w, 0, bytes, err);
    REEL_TRY_GOTO(reel_comm_agree(comm, status, err, what), done);

    const int32_t mine = w->file;
    REEL_TRY_GOTO(reel_comm_gather(comm, &mine, sizeof mine, files, what, err), done);
    if (!leads)
        status = reel_window_join(w, comm->peers[leader].process, files[leader], bytes, err);
    REEL_TRY_GOTO(reel_comm_agree(comm, status, err, what), done);
    reel_window_seal(w);
done:
    if (status != REEL_OK)
        reel_window_free(w);
    free(files);
    return status;
}

/* Copies the elements that are shared, or those that are not. */
static void copy_elements(reel_parallel *p, void *to, const void *from, bool shared)
{
    for (int i = 0; i < reel_params_count(p->params); i++) {
        const reel_param *param = reel_params_at(p->params, i);
        const size_t skip = (size_t)param->offset * p->element;
        if (reel_param_is_shared(param) == shared)
            memcpy((char *)to + skip, (const char *)from + skip, reel_tensor_bytes(&param->value));
    }
}

/* Gives back the whole pages of the store's own values that nobody uses meanwhile. */
static void release_own_values(reel_parallel *p)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t own = (uintptr_t)reel_params_own_values(p->params);
    reel_ranges_of(&p->ranges, p->params, reel_param_is_shared);
    for (int i = 0; i < p->ranges.n; i++) {
        const uintptr_t begin = own + (uintptr_t)p->ranges.list[i].begin * p->element;
        const uintptr_t end = own + (uintptr_t)p->ranges.list[i].end * p->element;
        const uintptr_t from = (begin + page - 1) / page * page, to = end / page * page;
        if (from < to)
            reel_pages_release((void *)from, to - from);
    }
}

reel_status reel_parallel_move_in(reel_parallel *p, reel_error *err)
{
    reel_comm *comm = p->comm;
    void *own = reel_params_own_values(p->params);
    if (comm->rank == 0)
        memcpy(p->values.memory, own, flat_bytes(p));
    const reel_spread leaders = {
        .data = p->values.memory, .bytes = flat_bytes(p), .members = comm->first, .n = comm->hosts};
    REEL_TRY(reel_comm_spread(comm, &leaders, "the first weights", err));
    REEL_TRY(reel_comm_agree(comm, REEL_OK, err, "the first weights"));

    copy_elements(p, own, p->values.memory, false);
    release_own_values(p);
    reel_pages_release(reel_params_own_grads(p->params), flat_bytes(p));
    reel_params_bind_values(p->params, p->values.memory);
    p->moved_in = true;
    return REEL_OK;
}

void reel_parallel_move_out(reel_parallel *p)
{
    copy_elements(p, reel_params_own_values(p->params), p->values.memory, true);
    reel_params_bind_values(p->params, NULL);
    reel_params_bind_grads(p->params, NULL);
}
