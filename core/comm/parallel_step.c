/* A step's sum and publication.
 *
 * One host: each rank runs the tree over the arrays of all ranks, for its own share, into the first
 * of its own arrays. Nobody else reads that part of that array.
 *
 * Several hosts, H of them: a host has the pieces of its ranks, which are consecutive, and so a few
 * maximal subtrees. For each element that another host owns, one of its ranks adds up each of these
 * and sends the sums to the owner: so a host sends (H - 1) / H of its elements once for each
 * subtree, however many ranks it has. The owner runs the tree over its own host's arrays and what
 * has arrived. */
#include <stdlib.h>

#include "core/comm/parallel_internal.h"
#include "core/memory.h"

/* ---- what all ranks must agree on first ---- */

/* What a rank says of its gradients before they are added up. */
typedef struct gradient_state {
    uint64_t which;
    int32_t uneven; /* its subtrees do not have gradients of the same parameters */
    int32_t again;  /* the last sum has not been published */
} gradient_state;

static gradient_state say_gradients(reel_parallel *p)
{
    gradient_state s = {.which = reel_parallel_hash_gradients(p->params), .again = p->summed};
    p->seen[p->current] = s.which;
    for (int i = 0; i < p->n_mine; i++)
        s.uneven |= p->seen[i] != s.which;
    return s;
}

static reel_status judge_gradients(const reel_comm *comm, const gradient_state *all,
                                   reel_error *err)
{
    for (int r = 0; r < comm->ranks; r++) {
        const char *fault = NULL;
        if (all[r].again)
            fault = "reel_parallel_publish must follow a sum, before the next one";
        else if (all[r].uneven)
            fault = "its pieces have gradients of different parameters";
        else if (all[r].which != all[0].which)
            fault = "it has gradients of other parameters than rank 0";
        if (fault)
            return reel_fail(err, REEL_ERR_INVALID, "sum of gradients: rank %d (host %s): %s", r,
                             reel_comm_host_name(comm, r), fault);
    }
    return REEL_OK;
}

/* ---- between hosts ---- */

reel_status reel_parallel_receive_sums(const reel_parallel *p, reel_range range,
                                       const reel_range_transfer *how, reel_bulk *bulk,
                                       reel_error *err)
{
    reel_comm *comm = p->comm;
    const int own_host = comm->peers[comm->rank].host;
    reel_range_transfer t = *how;
    t.element = p->element;
    t.receives = true;
    int leaf = p->n_leaves;
    for (int host = 0; host < comm->hosts; host++) {
        if (host == own_host)
            continue;
        const int64_t begin = p->first[comm->first[host]], end = p->first[comm->first[host + 1]];
        const int n = reel_maximal_subtrees(NULL, p->pieces, (reel_pieces){begin, end - begin});
        const int ranks = reel_host_ranks(comm, host);
        for (int k = 0; k < n; k++, leaf++)
            for (int j = 0; j < ranks; j++) {
                t.array = p->arrays[leaf];
                t.range = reel_range_part(range, j, ranks);
                t.peer = comm->first[host] + j;
                REEL_TRY(reel_bulk_begin(comm, bulk, &t, err));
            }
    }
    return REEL_OK;
}

static void run_tree(const reel_parallel *p, const reel_sum_tree *tree, void *out, reel_range range)
{
    for (int i = 0; i < p->ranges.n; i++) {
        const reel_range r = reel_range_common(range, p->ranges.list[i]);
        if (r.begin < r.end)
            reel_sum_tree_run(tree, &p->adder, p->arrays, out, r.begin, r.end);
    }
}

/* This rank's part of the elements of one owner on another host. */
static reel_status send_sums_to(reel_parallel *p, int owner, reel_error *err)
{
    reel_comm *comm = p->comm;
    const int ranks = reel_host_ranks(comm, comm->peers[comm->rank].host);
    const reel_range part =
        reel_range_part(reel_parallel_share(p, owner), reel_parallel_place(p, comm->rank), ranks);
    for (int k = 0; k < p->n_host_sums; k++) {
        const reel_host_sum *sum = &p->host_sums[k];
        if (sum->sums)
            run_tree(p, &sum->tree, sum->sums, part);
        const reel_range_transfer t = {.array =
                                           sum->sums ? sum->sums : p->arrays[sum->tree.steps[0]],
                                       .element = p->element,
                                       .tag = REEL_TAG_BULK,
                                       .range = part,
                                       .within = &p->ranges,
                                       .peer = owner};
        REEL_TRY(reel_bulk_begin(comm, &p->sends, &t, err));
    }
    return REEL_OK;
}

/* Begins with the next host's owners, so that not all hosts send to the first one at once. */
static reel_status send_sums(reel_parallel *p, reel_error *err)
{
    const reel_comm *comm = p->comm;
    const int own_host = comm->peers[comm->rank].host;
    for (int i = 1; i < comm->hosts; i++) {
        const int host = (own_host + i) % comm->hosts;
        for (int r = comm->first[host]; r < comm->first[host + 1]; r++)
            REEL_TRY(send_sums_to(p, r, err));
    }
    return REEL_OK;
}

/* Elements whose sums this thread exchanges: all, or those that did not travel early. */
static void find_late_sums(reel_parallel *p)
{
    const reel_overlap *o = p->overlap;
    p->ranges.n = 0;
    if (!o) {
        reel_ranges_of(&p->ranges, p->params, reel_param_is_summed);
        return;
    }
    for (int i = 0; i < reel_params_count(p->params); i++)
        p->late[i] = reel_params_at(p->params, i)->has_grad && !reel_overlap_is_planned(o, i);
    reel_ranges_in(&p->ranges, p->params, p->late);
}

/* All ranks' gradients are there, and fit together. */
static reel_status exchange_step_sums(reel_parallel *p, const char *what, reel_error *err)
{
    find_late_sums(p);
    const reel_range share = reel_parallel_share(p, p->comm->rank);
    const reel_range_transfer late = {.tag = REEL_TAG_BULK, .within = &p->ranges};
    REEL_TRY(reel_parallel_receive_sums(p, share, &late, &p->receives, err));
    REEL_TRY(send_sums(p, err));
    REEL_TRY(reel_bulk_finish(p->comm, &p->receives, what, err));
    if (p->overlap)
        REEL_TRY(reel_overlap_finish(p->overlap, err));

    reel_ranges_of(&p->ranges, p->params, reel_param_is_summed);
    run_tree(p, &p->tree, p->arrays[p->own_leaf], share);
    return reel_bulk_finish(p->comm, &p->sends, what, err);
}

reel_status reel_parallel_sum(reel_parallel *p, reel_error *err)
{
    REEL_NEED(p, err);
    reel_comm *comm = p->comm;
    const char *what = "the sum of the gradients";
    if (comm->ranks == 1)
        return REEL_OK;

    /* Once all have said so, all gradients are there. */
    gradient_state *all = malloc((size_t)comm->ranks * sizeof *all);
    if (!all)
        return reel_comm_break_no_memory(comm, what, err);
    reel_status status;
    if (p->overlap)
        REEL_TRY_GOTO(reel_overlap_all_ready(p->overlap, err), done);
    const gradient_state mine = say_gradients(p);
    REEL_TRY_GOTO(reel_comm_gather(comm, &mine, sizeof mine, all, what, err), done);
    status = judge_gradients(comm, all, err);
    if (status != REEL_OK) {
        reel_error why;
        if (p->overlap && reel_overlap_drop(p->overlap, &why))
            status = reel_comm_break(comm, &why, err);
        goto done;
    }

    /* The sums lie in the first array: there the optimizer reads. */
    p->summed = true;
    p->current = 0;
    reel_params_bind_grads(p->params, p->arrays[p->own_leaf]);
    status = exchange_step_sums(p, what, err);
done:
    free(all);
    return status;
}

/* ---- each rank's share for all hosts ---- */

/* Every owner sends its share to each other host, whose ranks receive a part each. */
static reel_status hand_out_shares(reel_parallel *p, void *array, const char *what, reel_error *err)
{
    reel_comm *comm = p->comm;
    const int own_host = comm->peers[comm->rank].host, ranks = reel_host_ranks(comm, own_host);
    reel_range_transfer t = {
        .array = array, .element = p->element, .within = &p->ranges, .tag = REEL_TAG_BULK};

    t.receives = true;
    for (t.peer = 0; t.peer < comm->ranks; t.peer++) {
        t.range = reel_range_part(reel_parallel_share(p, t.peer),
                                  reel_parallel_place(p, comm->rank), ranks);
        if (comm->peers[t.peer].host != own_host)
            REEL_TRY(reel_bulk_begin(comm, &p->receives, &t, err));
    }
    t.receives = false;
    for (int i = 1; i < comm->ranks; i++) {
        t.peer = (comm->rank + i) % comm->ranks;
        const int host = comm->peers[t.peer].host;
        t.range = reel_range_part(reel_parallel_share(p, comm->rank),
                                  reel_parallel_place(p, t.peer), reel_host_ranks(comm, host));
        if (host != own_host)
            REEL_TRY(reel_bulk_begin(comm, &p->sends, &t, err));
    }
    REEL_TRY(reel_bulk_finish(comm, &p->receives, what, err));
    REEL_TRY(reel_bulk_finish(comm, &p->sends, what, err));
    return reel_comm_agree(comm, REEL_OK, err, what);
}

/* The values of the parameters that pass the test. */
static reel_status publish_values(reel_parallel *p, reel_param_test *test, reel_error *err)
{
    if (p->comm->ranks == 1)
        return REEL_OK;
    p->summed = false;
    if (p->overlap)
        return reel_overlap_publish(p->overlap, test, err);
    reel_ranges_of(&p->ranges, p->params, test);
    return hand_out_shares(p, p->values.memory, "the new weights", err);
}

reel_status reel_parallel_publish(reel_parallel *p, reel_error *err)
{
    REEL_NEED(p, err);
    return publish_values(p, reel_param_is_trained, err);
}

reel_status reel_parallel_publish_all(reel_parallel *p, reel_error *err)
{
    REEL_NEED(p, err);
    return publish_values(p, reel_param_is_shared, err);
}

/* ---- behind computing ---- */

void reel_parallel_ready(reel_parallel *p, int index)
{
    if (p && p->overlap)
        reel_overlap_ready(p->overlap, index);
}

reel_status reel_parallel_drop(reel_parallel *p, reel_error *err)
{
    REEL_NEED(p, err);
    return p->overlap ? reel_overlap_drop(p->overlap, err) : REEL_OK;
}

reel_status reel_parallel_need(reel_parallel *p, int index, reel_error *err)
{
    REEL_NEED(p, err);
    return p->overlap ? reel_overlap_need(p->overlap, index, err) : REEL_OK;
}

reel_status reel_parallel_settle(reel_parallel *p, reel_error *err)
{
    REEL_NEED(p, err);
    return p->overlap ? reel_overlap_settle(p->overlap, err) : REEL_OK;
}

/* ---- further arrays ---- */

reel_status reel_parallel_array(reel_parallel *p, void **array, reel_error *err)
{
    REEL_NEED(array, err);
    *array = NULL;
    REEL_NEED(p, err);
    reel_window *more = realloc(p->more, ((size_t)p->n_more + 1) * sizeof *more);
    reel_status status = REEL_OK;
    if (more)
        p->more = more;
    else
        status = reel_fail(err, REEL_ERR_MEMORY, "arrays of ranks: out of memory");

    reel_window window = {.bytes = (size_t)(p->size > 0 ? p->size : 1) * p->element, .file = -1};
    if (p->comm->ranks > 1) {
        REEL_TRY(reel_comm_agree(p->comm, status, err, "an array of the ranks"));
        REEL_TRY(reel_parallel_host_window(p, &window, window.bytes, err));
    } else {
        REEL_TRY(status);
        window.memory = reel_pages_alloc(window.bytes, err);
        if (!window.memory)
            return REEL_ERR_MEMORY;
    }
    p->more[p->n_more++] = window;
    *array = window.memory;
    return REEL_OK;
}

reel_status reel_parallel_complete(reel_parallel *p, void *array, reel_error *err)
{
    REEL_NEED(p, err);
    int k = 0;
    while (k < p->n_more && p->more[k].memory != array)
        k++;
    if (k == p->n_more)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected an array that reel_parallel_array has made");
    if (p->comm->ranks == 1)
        return REEL_OK;
    p->ranges.list[0] = (reel_range){0, p->size};
    p->ranges.n = 1;
    return hand_out_shares(p, array, "an array of the ranks", err);
}
