/* What the program asks of an overlap: making it, steps, rounds, waiting. */
#include "core/comm/overlap.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/system_error.h"

/* ---- making ---- */

/* Buckets of the shares; counts where there is no list yet. */
static void cut_buckets(reel_overlap *o)
{
    const reel_parallel *p = o->p;
    const int64_t usual = REEL_BUCKET_BYTES / (int64_t)p->element;
    o->n = 0;
    for (int r = 0; r < p->comm->ranks; r++) {
        const reel_range share = reel_parallel_share(p, r);
        const int64_t least = (share.end - share.begin) / REEL_MOST_BUCKETS + 16;
        const int64_t most = (usual > least ? usual : least) / 16 * 16;
        for (int64_t at = share.begin; at < share.end; at += most, o->n++)
            if (o->buckets)
                o->buckets[o->n] =
                    (reel_bucket){{at, at + most < share.end ? at + most : share.end}, r};
    }
}

static void find_buckets_of_params(reel_overlap *o)
{
    const reel_params *params = o->p->params;
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *param = reel_params_at(params, i);
        const int64_t end = param->offset + reel_tensor_numel(&param->value);
        o->first[i] = 0;
        o->last[i] = -1;
        for (int b = 0; b < o->n; b++) {
            const reel_range r = o->buckets[b].range;
            if (r.begin >= end || r.end <= param->offset)
                continue;
            if (o->last[i] < 0)
                o->first[i] = b;
            o->last[i] = b;
        }
    }
}

/* Hands out parts of o->block, or counts how large it must be where it is NULL. */
static void *take_list(const reel_overlap *o, size_t *at, size_t count, size_t size)
{
    void *part = o->block ? o->block + *at : NULL;
    *at += reel_whole_lines((count + 1) * size);
    return part;
}

/* All lists, in one block of memory. Returns its size. */
static size_t lay_out_lists(reel_overlap *o)
{
    const size_t params = (size_t)reel_params_count(o->p->params), n = (size_t)o->n;
    size_t at = 0;
    o->buckets = take_list(o, &at, n, sizeof *o->buckets);
    o->rows = take_list(o, &at, (size_t)o->n_rows, sizeof *o->rows);
    o->first = take_list(o, &at, params, sizeof *o->first);
    o->last = take_list(o, &at, params, sizeof *o->last);
    o->planned = take_list(o, &at, params, sizeof *o->planned);
    o->told = take_list(o, &at, params, sizeof *o->told);
    o->sums.list = take_list(o, &at, params, sizeof *o->sums.list);
    o->values.list = take_list(o, &at, params, sizeof *o->values.list);
    o->missing = take_list(o, &at, n, sizeof *o->missing);
    o->seen = take_list(o, &at, n, sizeof *o->seen);
    o->sent = take_list(o, &at, n, sizeof *o->sent);
    for (int k = 0; k < REEL_FLOWS; k++)
        o->flows[k] = take_list(o, &at, n, sizeof *o->flows[k]);
    return at;
}

/* All that a rank can do by itself. */
static reel_status overlap_prepare(reel_overlap *o, reel_error *err)
{
    cut_buckets(o); /* there is no list yet: it counts them */
    o->block = calloc(1, lay_out_lists(o));
    if (!o->block)
        return reel_fail(err, REEL_ERR_MEMORY, "exchange between hosts: out of memory");
    lay_out_lists(o);
    cut_buckets(o);
    find_buckets_of_params(o);

    o->adder = (reel_adder){.dtype = o->p->adder.dtype, .threads = 1};
    o->adder.scratch = reel_pages_alloc(reel_adder_bytes(o->adder.dtype, 1), err);
    return o->adder.scratch ? REEL_OK : REEL_ERR_MEMORY;
}

static void place_flags(reel_overlap *o)
{
    reel_flag *at = o->window.memory;
    for (int j = 0; j < o->n_rows; j++) {
        o->rows[j] = (reel_flag_row){at, at + 1, at + 1 + o->n};
        at += 1 + 2 * o->n;
    }
}

static reel_status start_thread(reel_overlap *o, reel_error *err)
{
    pthread_mutex_init(&o->lock, NULL);
    reel_timed_cond_init(&o->wake);
    reel_timed_cond_init(&o->changed);
    o->threads_made = true;

    /* Signals are for the program's own threads. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int reason = pthread_create(&o->thread, NULL, reel_overlap_run, o);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    o->runs = reason == 0;
    return o->runs ? REEL_OK
                   : reel_fail_system(err, reason, "cannot start the thread of the exchange");
}

reel_status reel_overlap_make(reel_overlap **out, reel_parallel *p, reel_error *err)
{
    const char *what = "the exchange between hosts";
    reel_comm *comm = p->comm;
    *out = NULL;
    if (comm->hosts == 1)
        return REEL_OK;
    reel_overlap *o = calloc(1, sizeof *o);
    reel_status status =
        o ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "exchange between hosts: out of memory");
    if (o) {
        *o = (reel_overlap){.p = p,
                            .window = {.file = -1},
                            .n_rows = reel_host_ranks(comm, comm->peers[comm->rank].host),
                            .own_row = reel_parallel_place(p, comm->rank)};
        status = overlap_prepare(o, err);
    }
    REEL_TRY_GOTO(reel_comm_agree(comm, status, err, what), done);

    const size_t bytes = (size_t)o->n_rows * (1 + 2 * (size_t)o->n) * sizeof(reel_flag);
    REEL_TRY_GOTO(reel_parallel_host_window(p, &o->window, bytes, err), done);
    place_flags(o);
    status = start_thread(o, err);
    REEL_TRY_GOTO(reel_comm_agree(comm, status, err, what), done);
    *out = o;
    return REEL_OK;
done:
    reel_overlap_end(o);
    return status;
}

/* ---- waiting ---- */

/* What is waited for, in terms of what the thread or other ranks of the host do. */
typedef bool overlap_test(const reel_overlap *o, int bucket);

static bool rounds_are_done(const reel_overlap *o, int bucket)
{
    (void)bucket;
    return o->round_done == o->round;
}

static bool step_is_done(const reel_overlap *o, int bucket)
{
    (void)bucket;
    return o->step_done == o->step;
}

static bool host_has_entered(const reel_overlap *o, int bucket)
{
    (void)bucket;
    for (int j = 0; j < o->n_rows; j++)
        if (atomic_load_explicit(o->rows[j].entered, memory_order_acquire) < o->entered)
            return false;
    return true;
}

/* Of a bucket that this host owns its owner tells; else each rank receives a part. */
static bool bucket_is_there(const reel_overlap *o, int bucket)
{
    const reel_comm *comm = o->p->comm;
    const int owner = o->buckets[bucket].owner;
    const bool own_host = comm->peers[owner].host == comm->peers[comm->rank].host;
    const int place = reel_parallel_place(o->p, owner);
    for (int j = own_host ? place : 0; j < (own_host ? place + 1 : o->n_rows); j++)
        if (atomic_load_explicit(&o->rows[j].arrived[bucket], memory_order_acquire) < o->round)
            return false;
    return true;
}

static reel_status overlap_wait(reel_overlap *o, overlap_test *test, int bucket, const char *what,
                                reel_error *err)
{
    const double pause = 500e-6; /* other ranks of the host wake nobody */
    reel_comm *comm = o->p->comm;
    reel_status status = REEL_OK;
    pthread_mutex_lock(&o->lock);
    o->waiting = true;
    pthread_cond_signal(&o->wake);
    while (!test(o, bucket)) {
        if (o->failure.status != REEL_OK || reel_comm_is_broken(comm)) {
            status = reel_comm_break(comm, &o->failure, err);
            break;
        }
        pthread_mutex_unlock(&o->lock);
        const int lost = reel_beat_lost(comm);
        if (lost >= 0)
            status = reel_comm_break_lost(comm, lost, what, err);
        pthread_mutex_lock(&o->lock);
        if (status != REEL_OK || test(o, bucket))
            break;
        reel_timed_wait(&o->changed, &o->lock, pause);
    }
    o->waiting = false;
    pthread_mutex_unlock(&o->lock);
    return status;
}

/* Behind it no rank of this host reads the memory of another one for what was before. */
static reel_status enter_together(reel_overlap *o, const char *what, reel_error *err)
{
    o->entered++;
    atomic_store_explicit(o->rows[o->own_row].entered, o->entered, memory_order_release);
    return host_has_entered(o, 0) ? REEL_OK : overlap_wait(o, host_has_entered, 0, what, err);
}

/* ---- sums ---- */

/* Parameters of the plan that each bucket waits for. */
static void count_missing(reel_overlap *o)
{
    memset(o->missing, 0, (size_t)o->n * sizeof *o->missing);
    for (int i = 0; i < reel_params_count(o->p->params); i++) {
        o->told[i] = false;
        for (int b = o->first[i]; o->planned[i] && b <= o->last[i]; b++)
            o->missing[b]++;
    }
}

static void stir_thread(reel_overlap *o)
{
    pthread_mutex_lock(&o->lock);
    o->stirred = true;
    pthread_cond_signal(&o->wake);
    pthread_mutex_unlock(&o->lock);
}

void reel_overlap_open(reel_overlap *o)
{
    if (o->open)
        return;
    o->open = true;
    o->step++;
    count_missing(o);
    pthread_mutex_lock(&o->lock);
    o->stirred = false;
    o->step_asked = o->step;
    pthread_cond_signal(&o->wake);
    pthread_mutex_unlock(&o->lock);
}

bool reel_overlap_is_planned(const reel_overlap *o, int param)
{
    return o->planned[param];
}

static void mark_ready(reel_overlap *o, int b)
{
    atomic_store_explicit(&o->rows[o->own_row].ready[b], o->step, memory_order_release);
}

void reel_overlap_ready(reel_overlap *o, int param)
{
    if (param < 0 || param >= reel_params_count(o->p->params))
        return;
    reel_overlap_open(o);
    if (!o->planned[param] || o->told[param])
        return;
    o->told[param] = true;
    bool any = false;
    for (int b = o->first[param]; b <= o->last[param]; b++)
        if (--o->missing[b] == 0) {
            mark_ready(o, b);
            any = true;
        }
    if (any)
        stir_thread(o);
}

reel_status reel_overlap_all_ready(reel_overlap *o, reel_error *err)
{
    /* Nobody updates values that still travel. */
    REEL_TRY(overlap_wait(o, rounds_are_done, 0, "the new weights", err));
    reel_overlap_open(o);
    for (int b = 0; b < o->n; b++)
        mark_ready(o, b);
    stir_thread(o);
    return REEL_OK;
}

reel_status reel_overlap_finish(reel_overlap *o, reel_error *err)
{
    REEL_TRY(overlap_wait(o, step_is_done, 0, "the sum of the gradients", err));
    o->open = false;
    for (int i = 0; i < reel_params_count(o->p->params); i++)
        o->planned[i] = reel_params_at(o->p->params, i)->has_grad;
    reel_ranges_in(&o->sums, o->p->params, o->planned);
    return REEL_OK;
}

reel_status reel_overlap_drop(reel_overlap *o, reel_error *err)
{
    const char *what = "the end of a step that is left out";
    REEL_TRY(reel_overlap_all_ready(o, err));
    REEL_TRY(overlap_wait(o, step_is_done, 0, what, err));
    o->open = false;
    return enter_together(o, what, err);
}

/* ---- values ---- */

reel_status reel_overlap_publish(reel_overlap *o, reel_param_test *test, reel_error *err)
{
    const char *what = "the new weights";
    REEL_TRY(overlap_wait(o, rounds_are_done, 0, what, err));
    reel_ranges_of(&o->values, o->p->params, test);
    o->round++;
    pthread_mutex_lock(&o->lock);
    o->round_asked = o->round;
    pthread_cond_signal(&o->wake);
    pthread_mutex_unlock(&o->lock);
    return enter_together(o, what, err);
}

reel_status reel_overlap_need(reel_overlap *o, int param, reel_error *err)
{
    if (param < 0 || param >= reel_params_count(o->p->params) ||
        !reel_param_is_shared(reel_params_at(o->p->params, param)))
        return REEL_OK;
    for (int b = o->first[param]; b <= o->last[param]; b++) {
        if (o->seen[b] == o->round)
            continue;
        if (!bucket_is_there(o, b))
            REEL_TRY(overlap_wait(o, bucket_is_there, b, "the new weights", err));
        o->seen[b] = o->round;
    }
    return REEL_OK;
}

reel_status reel_overlap_settle(reel_overlap *o, reel_error *err)
{
    for (int i = 0; i < reel_params_count(o->p->params); i++)
        REEL_TRY(reel_overlap_need(o, i, err));
    return overlap_wait(o, rounds_are_done, 0, "the new weights", err);
}

/* ---- the end ---- */

/* All messages that have begun are done. Other ranks need not come here: their gradients of a step
 * that is open follow when they are final, or at their own end. */
static void finish_messages(reel_overlap *o)
{
    reel_error why;
    if (!o->runs || reel_overlap_settle(o, &why) != REEL_OK || !o->open)
        return;
    if (reel_overlap_all_ready(o, &why) == REEL_OK)
        overlap_wait(o, step_is_done, 0, "the end of a step that is left out", &why);
}

static bool end_thread(reel_overlap *o)
{
    if (o->runs) {
        pthread_mutex_lock(&o->lock);
        o->closing = true;
        pthread_cond_signal(&o->wake);
        pthread_mutex_unlock(&o->lock);
        pthread_join(o->thread, NULL);
    }
    if (o->threads_made) {
        pthread_cond_destroy(&o->wake);
        pthread_cond_destroy(&o->changed);
        pthread_mutex_destroy(&o->lock);
    }
    int under_way = 0;
    for (int k = 0; k < REEL_FLOWS; k++)
        under_way += o->active[k];
    return under_way == 0 && o->failure.status == REEL_OK;
}

bool reel_overlap_end(reel_overlap *o)
{
    if (!o)
        return true;
    finish_messages(o);
    if (!end_thread(o))
        return false;
    for (int k = 0; k < REEL_FLOWS; k++)
        for (int b = 0; o->block && b < o->n; b++)
            free(o->flows[k][b].bulk.list);
    reel_pages_free(o->adder.scratch, reel_adder_bytes(o->adder.dtype, 1));
    reel_window_free(&o->window);
    free(o->block);
    free(o);
    return true;
}
