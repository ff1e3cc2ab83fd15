/* The thread behind an overlap: begins messages, looks at those under way, sleeps. */
#include "core/comm/overlap.h"

/* Messages that are looked at in vain before the thread pauses: each look moves all of them on. */
enum { LOOKS = 4 };

static void flow_begin(reel_overlap *o, reel_flow_kind kind, int bucket)
{
    reel_flow *flow = &o->flows[kind][bucket];
    if (flow->active || flow->bulk.n == 0)
        return;
    flow->next = 0;
    flow->active = true;
    o->active[kind]++;
}

static reel_status flow_add(reel_overlap *o, reel_flow_kind kind, int bucket,
                            reel_range_transfer *t, reel_error *err)
{
    t->element = o->p->element;
    t->tag = REEL_TAG_BUCKET + bucket;
    t->receives = kind == REEL_SUMS_IN || kind == REEL_VALUES_IN;
    return reel_bulk_begin(o->p->comm, &o->flows[kind][bucket].bulk, t, err);
}

/* ---- sums ---- */

static bool has_elements(const reel_range_list *list, reel_range range)
{
    for (int i = 0; i < list->n; i++) {
        const reel_range r = reel_range_common(range, list->list[i]);
        if (r.begin < r.end)
            return true;
    }
    return false;
}

static reel_range own_part(const reel_overlap *o, int b)
{
    return reel_range_part(o->buckets[b].range, o->own_row, o->n_rows);
}

static bool owned_elsewhere(const reel_overlap *o, int b)
{
    const reel_comm *comm = o->p->comm;
    return comm->peers[o->buckets[b].owner].host != comm->peers[comm->rank].host;
}

static reel_status flow_begin_step(reel_overlap *o, reel_error *err)
{
    o->to_send = 0;
    for (int b = o->n - 1; b >= 0; b--) {
        if (o->buckets[b].owner == o->p->comm->rank) {
            const reel_range_transfer early = {.tag = REEL_TAG_BUCKET + b, .within = &o->sums};
            REEL_TRY(reel_parallel_receive_sums(o->p, o->buckets[b].range, &early,
                                                &o->flows[REEL_SUMS_IN][b].bulk, err));
            flow_begin(o, REEL_SUMS_IN, b);
        }
        o->sent[b] = !owned_elsewhere(o, b) || !has_elements(&o->sums, own_part(o, b));
        o->to_send += !o->sent[b];
    }
    return REEL_OK;
}

static bool bucket_is_ready(const reel_overlap *o, int b)
{
    for (int j = 0; j < o->n_rows; j++)
        if (atomic_load_explicit(&o->rows[j].ready[b], memory_order_acquire) < o->step_begun)
            return false;
    return true;
}

/* This rank's part of the sums over its host's pieces. */
static reel_status send_bucket_sums(reel_overlap *o, int b, reel_error *err)
{
    const reel_parallel *p = o->p;
    const reel_range part = own_part(o, b);
    for (int k = 0; k < p->n_host_sums; k++) {
        const reel_host_sum *sum = &p->host_sums[k];
        for (int i = 0; sum->sums && i < o->sums.n; i++) {
            const reel_range r = reel_range_common(part, o->sums.list[i]);
            if (r.begin < r.end)
                reel_sum_tree_run(&sum->tree, &o->adder, p->arrays, sum->sums, r.begin, r.end);
        }
        reel_range_transfer t = {.array = sum->sums ? sum->sums : p->arrays[sum->tree.steps[0]],
                                 .range = part,
                                 .within = &o->sums,
                                 .peer = o->buckets[b].owner};
        REEL_TRY(flow_add(o, REEL_SUMS_OUT, b, &t, err));
    }
    flow_begin(o, REEL_SUMS_OUT, b);
    o->sent[b] = true;
    o->to_send--;
    return REEL_OK;
}

/* One bucket at a time: messages under way must not wait for many additions. */
static reel_status send_ready_bucket(reel_overlap *o, bool *moved, reel_error *err)
{
    for (int b = o->n - 1; o->to_send > 0 && b >= 0; b--) {
        if (o->sent[b] || !bucket_is_ready(o, b))
            continue;
        *moved = true;
        return send_bucket_sums(o, b, err);
    }
    return REEL_OK;
}

/* ---- values ---- */

static void mark_arrived(reel_overlap *o, int b)
{
    atomic_store_explicit(&o->rows[o->own_row].arrived[b], o->round_begun, memory_order_release);
}

static reel_status receive_bucket_values(reel_overlap *o, int b, reel_error *err)
{
    reel_range_transfer t = {.array = o->p->values.memory,
                             .range = own_part(o, b),
                             .within = &o->values,
                             .peer = o->buckets[b].owner};
    REEL_TRY(flow_add(o, REEL_VALUES_IN, b, &t, err));
    flow_begin(o, REEL_VALUES_IN, b);
    if (!o->flows[REEL_VALUES_IN][b].active)
        mark_arrived(o, b); /* this rank's part has no elements that travel */
    return REEL_OK;
}

/* Every rank of another host receives a part. */
static reel_status send_bucket_values(reel_overlap *o, int b, reel_error *err)
{
    const reel_parallel *p = o->p;
    const reel_comm *comm = p->comm;
    for (int i = 1; i < comm->ranks; i++) {
        const int peer = (comm->rank + i) % comm->ranks, host = comm->peers[peer].host;
        if (host == comm->peers[comm->rank].host)
            continue;
        reel_range_transfer t = {.array = p->values.memory,
                                 .range = reel_range_part(o->buckets[b].range,
                                                          reel_parallel_place(p, peer),
                                                          reel_host_ranks(comm, host)),
                                 .within = &o->values,
                                 .peer = peer};
        REEL_TRY(flow_add(o, REEL_VALUES_OUT, b, &t, err));
    }
    flow_begin(o, REEL_VALUES_OUT, b);
    return REEL_OK;
}

/* Receives first: they must be there when others send. Both in the order of forward. */
static reel_status flow_begin_round(reel_overlap *o, reel_error *err)
{
    for (int b = 0; b < o->n; b++)
        if (owned_elsewhere(o, b))
            REEL_TRY(receive_bucket_values(o, b, err));
    for (int b = 0; b < o->n; b++)
        if (o->buckets[b].owner == o->p->comm->rank) {
            mark_arrived(o, b);
            REEL_TRY(send_bucket_values(o, b, err));
        }
    return REEL_OK;
}

/* ---- looking and sleeping ---- */

static reel_status flow_look(reel_overlap *o, reel_flow_kind kind, int b, bool *moved,
                             reel_error *err)
{
    reel_flow *flow = &o->flows[kind][b];
    const int64_t before = flow->next;
    bool done;
    REEL_TRY(reel_bulk_look(o->p->comm, &flow->bulk, &flow->next, &done, err));
    *moved |= flow->next > before;
    if (!done)
        return REEL_OK;
    flow->bulk.n = 0;
    flow->active = false;
    o->active[kind]--;
    if (kind == REEL_VALUES_IN)
        mark_arrived(o, b);
    return REEL_OK;
}

/* Sums come and go from the end of the arrays, values from the beginning. */
static reel_status look_at_flows(reel_overlap *o, bool *moved, reel_error *err)
{
    for (reel_flow_kind kind = 0; kind < REEL_FLOWS; kind++) {
        const bool ascends = kind == REEL_VALUES_IN || kind == REEL_VALUES_OUT;
        int in_vain = 0;
        for (int i = 0; o->active[kind] > 0 && i < o->n && in_vain < LOOKS; i++) {
            const int b = ascends ? i : o->n - 1 - i;
            if (!o->flows[kind][b].active)
                continue;
            REEL_TRY(flow_look(o, kind, b, moved, err));
            in_vain += o->flows[kind][b].active;
        }
    }
    return REEL_OK;
}

static bool values_are_under_way(const reel_overlap *o)
{
    return o->active[REEL_VALUES_IN] + o->active[REEL_VALUES_OUT] > 0;
}

static bool sums_are_under_way(const reel_overlap *o)
{
    return o->to_send + o->active[REEL_SUMS_IN] + o->active[REEL_SUMS_OUT] > 0;
}

/* Sums can move from the first ready bucket on: until then the thread sleeps. Under the lock. */
static bool is_idle(const reel_overlap *o)
{
    return o->step_asked == o->step_begun && o->round_asked == o->round_begun &&
           !values_are_under_way(o) && !(o->stirred && sums_are_under_way(o));
}

static void flow_pause(reel_overlap *o)
{
    /* Behind computing a pause leaves the core to it; a rank that waits wants an answer. */
    reel_timed_wait(&o->wake, &o->lock, o->waiting ? 50e-6 : 1e-3);
}

/* Begins what is asked for, and looks once at everything. */
static reel_status flow_turn(reel_overlap *o, uint64_t step, uint64_t round, bool *moved,
                             reel_error *err)
{
    if (round > o->round_begun) {
        o->round_begun = round;
        *moved = true;
        REEL_TRY(flow_begin_round(o, err));
    }
    if (step > o->step_begun) {
        o->step_begun = step;
        *moved = true;
        REEL_TRY(flow_begin_step(o, err));
    }
    REEL_TRY(send_ready_bucket(o, moved, err));
    return look_at_flows(o, moved, err);
}

void *reel_overlap_run(void *overlap)
{
    reel_overlap *o = overlap;
    pthread_mutex_lock(&o->lock);
    while (!o->closing) {
        if (o->failure.status != REEL_OK || is_idle(o)) {
            pthread_cond_wait(&o->wake, &o->lock);
            continue;
        }
        const uint64_t step = o->step_asked, round = o->round_asked;
        pthread_mutex_unlock(&o->lock);

        reel_error why = {0};
        bool moved = false;
        const reel_status status = flow_turn(o, step, round, &moved, &why);

        pthread_mutex_lock(&o->lock);
        if (status != REEL_OK)
            o->failure = why;
        if (!values_are_under_way(o))
            o->round_done = o->round_begun;
        if (!sums_are_under_way(o))
            o->step_done = o->step_begun;
        if (moved || status != REEL_OK)
            pthread_cond_broadcast(&o->changed);
        else if (!o->closing && !is_idle(o))
            flow_pause(o);
    }
    pthread_mutex_unlock(&o->lock);
    return NULL;
}
