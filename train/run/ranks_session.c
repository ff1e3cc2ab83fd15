/* A session whose weights and states are shared out over ranks. */
#include "train/run/ranks.h"

#include "optim/data_parallel.h"
#include "train/run/progress.h"

#include <stdlib.h>
#include <string.h>

/* ---- joining ---- */

/* How fast ranks reach each other: the best of a few exchanges, of 2 MB for any number of ranks. */
static reel_status time_link(reel_ranks *r, reel_error *err)
{
    enum { ALL_BYTES = 2 << 20, LEAST = 64, TIMES = 4 };
    const size_t ranks = (size_t)reel_ranks_count(r), part = ALL_BYTES / ranks;
    const size_t bytes = part > LEAST ? part : LEAST;
    char *mine = calloc(1, bytes), *all = calloc(ranks, bytes);
    reel_status status = mine && all ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "out of memory");
    status = reel_ranks_agree(r, status, err, "the first exchange");
    double best = 0;
    for (int i = 0; status == REEL_OK && i < TIMES; i++) {
        const double began = reel_seconds_now();
        status = reel_comm_gather(r->comm, mine, bytes, all, "the first exchange", err);
        const double seconds = reel_seconds_now() - began;
        best = i == 0 || seconds < best ? seconds : best;
    }
    free(mine);
    free(all);
    r->link = best > 0 ? (double)((ranks - 1) * bytes) / best : 0;
    return status;
}

/* The optimizer's arrays, in memory of the host. */
static reel_status place_states(reel_ranks *r, reel_session *s, reel_error *err)
{
    const reel_optimizer_config *config = reel_optimizer_config_of(s->opt);
    for (int i = 0; i < REEL_OPTIMIZER_STATES && config->kind->states[i].name; i++) {
        if (config->kind->uses_state && !config->kind->uses_state(&config->values, i))
            continue;
        void **array = &r->states[r->n_states];
        REEL_TRY(reel_parallel_array(r->parallel, array, err));
        REEL_TRY(reel_optimizer_place_state(s->opt, i, *array, err));
        r->n_states++;
    }
    return REEL_OK;
}

/* The division of the pieces, which every step needs. */
static reel_status list_pieces(reel_ranks *r, int64_t pieces, reel_error *err)
{
    const int ranks = reel_ranks_count(r);
    r->first = calloc((size_t)ranks + 1, sizeof *r->first);
    for (int i = 0; r->first && i < ranks; i++) {
        const reel_pieces part = reel_comm_pieces(r->comm, pieces, i);
        if (part.count == 0)
            return reel_fail(err, REEL_ERR_MEMORY, "the division of a batch: out of memory");
        r->first[i] = part.first;
        r->first[i + 1] = part.first + part.count;
        r->most = part.count > r->most ? part.count : r->most;
    }
    return r->first ? REEL_OK
                    : reel_fail(err, REEL_ERR_MEMORY, "the division of a batch: out of memory");
}

reel_status reel_ranks_join(reel_ranks *r, reel_session *s, reel_error *err)
{
    if (!r)
        return REEL_OK;
    reel_params *params = reel_net_params(s->net);
    const int ranks = reel_ranks_count(r);
    int64_t *cuts = calloc((size_t)ranks + 1, sizeof *cuts);
    reel_status status =
        cuts ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "shares of the weights: out of memory");
    if (status == REEL_OK)
        status = list_pieces(r, s->pieces, err);
    REEL_TRY_GOTO(reel_ranks_agree(r, status, err, "shares of the weights"), done);
    REEL_TRY_GOTO(time_link(r, err), done);

    reel_optim_cuts(params, ranks, cuts);
    const reel_parallel_config config = {.pieces = s->pieces, .cuts = cuts, .overlap = true};
    REEL_TRY_GOTO(reel_parallel_create(&r->parallel, r->comm, params, s->ctx, &config, err), done);
    const reel_range mine = reel_parallel_share(r->parallel, reel_comm_rank(r->comm));
    r->share = reel_optim_share_over(r->comm, mine.begin, mine.end);

    REEL_TRY_GOTO(reel_optimizer_set_share(s->opt, &r->share, err), done);
    REEL_TRY_GOTO(place_states(r, s, err), done);
    if (s->ema) {
        REEL_TRY_GOTO(reel_ema_set_share(s->ema, &r->share, err), done);
        REEL_TRY_GOTO(reel_parallel_array(r->parallel, &r->average, err), done);
        REEL_TRY_GOTO(reel_ema_place(s->ema, r->average, err), done);
    }
    s->parallel = r->parallel;
    s->overlaps = reel_comm_hosts(r->comm) > 1;
done:
    free(cuts);
    return status;
}

void reel_ranks_leave(reel_ranks *r, reel_session *s)
{
    if (!r)
        return;
    /* They lie in memory that goes with the rest. */
    reel_ema_destroy(s->ema);
    reel_optimizer_destroy(s->opt);
    s->ema = NULL;
    s->opt = NULL;
    s->parallel = NULL;
    s->overlaps = false;
    reel_parallel_destroy(r->parallel);

    free(r->first);

    /* The next run of this process (a fold) joins again. */
    *r = (reel_ranks){.comm = r->comm};
}

/* ---- a step ---- */

/* A message of `pieces` results and rows. */
static size_t report_bytes(const reel_session *s, int64_t pieces)
{
    return sizeof(reel_part_report) +
           (size_t)pieces * (sizeof(reel_piece_result) + reel_statistics_row_bytes(s->statistics));
}

static void write_part_report(const reel_session *s, const reel_piece_result *own,
                              const reel_part_report *report, int64_t room, char *to)
{
    memcpy(to, report, sizeof *report);
    memcpy(to + sizeof *report, own, (size_t)s->own.count * sizeof *own);
    char *rows = to + sizeof *report + (size_t)room * sizeof *own;
    const size_t row = reel_statistics_row_bytes(s->statistics);
    for (int64_t p = 0; row > 0 && p < s->own.count; p++)
        memcpy(rows + (size_t)p * row, reel_statistics_row(s->statistics, s->own.first + p), row);
}

/* The pieces of rank `rank`. */
static void read_part_report(reel_ranks *r, const reel_session *s, int rank, const char *from,
                             int64_t room, reel_piece_result *results)
{
    const reel_pieces part = {r->first[rank], r->first[rank + 1] - r->first[rank]};
    const char *rows = from + sizeof(reel_part_report) + (size_t)room * sizeof *results;
    const size_t row = reel_statistics_row_bytes(s->statistics);
    memcpy(results + part.first, from + sizeof(reel_part_report),
           (size_t)part.count * sizeof *results);
    for (int64_t p = 0; row > 0 && p < part.count; p++)
        memcpy(reel_statistics_row(s->statistics, part.first + p), rows + (size_t)p * row, row);
}

/* The first failure, before that of a loss, which the results tell; and all unreadable images. */
static reel_status judge_reports(reel_ranks *r, const char *all, size_t bytes, int64_t *bad)
{
    reel_status status = REEL_OK;
    *bad = 0;
    for (int i = reel_ranks_count(r) - 1; i >= 0; i--) {
        reel_part_report report;
        memcpy(&report, all + (size_t)i * bytes, sizeof report);
        *bad += report.bad;
        if (report.status == REEL_OK)
            continue;
        if (status == REEL_OK || report.status != REEL_ERR_NONFINITE)
            status = report.status;
    }
    return status;
}

reel_status reel_ranks_results(reel_ranks *r, reel_session *s, reel_piece_result *results,
                               reel_part_report *report, reel_error *err)
{
    if (!r)
        return report->status;
    const char *what = "the gradients of a step";
    const int ranks = reel_ranks_count(r);
    const int64_t room = r->most;
    const size_t bytes = report_bytes(s, room);
    char *own = calloc(1, bytes), *all = calloc((size_t)ranks, bytes);
    reel_status status = own && all ? REEL_OK : REEL_ERR_MEMORY;
    reel_error why;
    if (status == REEL_OK) {
        write_part_report(s, results + s->own.first, report, room, own);
        status = reel_comm_gather(r->comm, own, bytes, all, what, &why);
    } else {
        reel_ranks_lack(r, what, &why);
    }

    reel_status verdict = status;
    if (status == REEL_OK) {
        verdict = judge_reports(r, all, bytes, &report->bad);
        for (int i = 0; i < ranks; i++)
            read_part_report(r, s, i, all + (size_t)i * bytes, room, results);
    }
    free(own);
    free(all);
    if (status) {
        *err = why;
        return status;
    }
    if (verdict == REEL_OK)
        return verdict;

    /* Gradients may be under way to other hosts: nobody will use them. */
    if (reel_parallel_drop(r->parallel, &why)) {
        *err = why;
        return why.status;
    }
    if (verdict == REEL_ERR_NONFINITE)
        return verdict;
    return reel_ranks_agree(r, report->status == REEL_ERR_NONFINITE ? REEL_OK : report->status, err,
                            what);
}

reel_status reel_ranks_incident(reel_ranks *r, reel_incident *incident, bool found, reel_error *err)
{
    if (!r)
        return REEL_OK;
    const char *what = "where NaN began";
    int32_t mine = found, *all = calloc((size_t)reel_ranks_count(r), sizeof *all);
    if (!all)
        return reel_ranks_lack(r, what, err);
    reel_status status = reel_comm_gather(r->comm, &mine, sizeof mine, all, what, err);
    int from = 0;
    while (status == REEL_OK && from < reel_ranks_count(r) - 1 && !all[from])
        from++;
    if (status == REEL_OK && !all[from])
        from = 0;
    free(all);
    if (status)
        return status;

    /* The images are named by rank 0, which has the first of the batch. */
    char samples[sizeof incident->samples];
    memcpy(samples, incident->samples, sizeof samples);
    REEL_TRY(reel_ranks_tell(r, samples, sizeof samples, what, err));
    REEL_TRY(reel_comm_broadcast(r->comm, incident, sizeof *incident, from, what, err));
    memcpy(incident->samples, samples, sizeof samples);
    return REEL_OK;
}

/* ---- weights and states ---- */

reel_status reel_ranks_settle(reel_ranks *r, reel_error *err)
{
    return r && r->parallel ? reel_parallel_settle(r->parallel, err) : REEL_OK;
}

reel_status reel_ranks_complete(reel_ranks *r, reel_error *err)
{
    if (!r)
        return REEL_OK;
    REEL_TRY(reel_ranks_settle(r, err));
    for (int i = 0; i < r->n_states; i++)
        REEL_TRY(reel_parallel_complete(r->parallel, r->states[i], err));
    return r->average ? reel_parallel_complete(r->parallel, r->average, err) : REEL_OK;
}

/* Elements of all buffers of the store. */
static int64_t buffer_size(const reel_params *params)
{
    int64_t n = 0;
    for (int i = 0; i < reel_params_count(params); i++)
        if (reel_params_at(params, i)->flags & REEL_PARAM_BUFFER)
            n += reel_tensor_numel(&reel_params_at(params, i)->value);
    return n;
}

static double buffer_number(const reel_tensor *t, int64_t i)
{
    return t->dtype == REEL_F64 ? ((const double *)t->data)[i]
                                : (double)((const float *)t->data)[i];
}

static void set_buffer_number(const reel_tensor *t, int64_t i, double x)
{
    if (t->dtype == REEL_F64)
        ((double *)t->data)[i] = x;
    else
        ((float *)t->data)[i] = (float)x;
}

/* Copies all buffers into x, or back. */
static void move_buffers(const reel_params *params, double *x, bool back)
{
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        const int64_t n = p->flags & REEL_PARAM_BUFFER ? reel_tensor_numel(&p->value) : 0;
        for (int64_t k = 0; k < n; k++, x++)
            if (back)
                set_buffer_number(&p->value, k, *x);
            else
                *x = buffer_number(&p->value, k);
    }
}

/* Leaves of x, the buffers, the elements of this rank's share; the others become 0. */
static void keep_own_buffers(reel_ranks *r, const reel_params *params, double *x)
{
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        const int64_t n = p->flags & REEL_PARAM_BUFFER ? reel_tensor_numel(&p->value) : 0;
        for (int64_t k = 0; k < n; k++, x++)
            if (p->offset + k < r->share.begin || p->offset + k >= r->share.end)
                *x = 0;
    }
}

/* Each rank has a copy of its own of the buffers, and exchanges its share of them: the others'
 * elements follow here. */
static reel_status spread_buffers(reel_ranks *r, const reel_params *params, reel_error *err)
{
    const int64_t n = buffer_size(params);
    double *x = calloc((size_t)n + 1, sizeof *x);
    if (!x)
        return reel_ranks_lack(r, "average of weights", err);
    move_buffers(params, x, false);
    keep_own_buffers(r, params, x);
    const reel_status status = reel_comm_add_up(r->comm, x, n, "the averaged buffers", err);
    if (status == REEL_OK)
        move_buffers(params, x, true);
    free(x);
    return status;
}

reel_status reel_ranks_swap_average(reel_ranks *r, reel_session *s, void **buffers, reel_error *err)
{
    const reel_params *params = reel_net_params(s->net);
    if (!r) {
        reel_ema_swap(s->ema);
        return REEL_OK;
    }
    REEL_TRY(reel_ranks_settle(r, err));
    const bool there = *buffers == NULL;
    if (there) {
        /* Weights follow, which other hosts wait for: what one rank cannot do, no rank begins. */
        const char *what = "average of weights";
        reel_status status = REEL_OK;
        *buffers = calloc((size_t)buffer_size(params) + 1, sizeof(double));
        if (!*buffers)
            status = reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", what);
        status = reel_ranks_agree(r, status, err, what);
        if (status != REEL_OK) {
            free(*buffers);
            *buffers = NULL;
            return status;
        }
        move_buffers(params, *buffers, false);
    }
    reel_ema_swap(s->ema);
    /* A frozen weight has an average of its own: of the steps before it was frozen. */
    REEL_TRY(reel_parallel_publish_all(r->parallel, err));
    REEL_TRY(reel_ranks_settle(r, err));
    if (there)
        return spread_buffers(r, params, err);

    move_buffers(params, *buffers, true);
    free(*buffers);
    *buffers = NULL;
    return REEL_OK;
}
