/* Arithmetic on ranges, and the messages of a range. */
#include "core/comm/share.h"

#include <stdlib.h>

static const size_t message_bytes = 1 << 20;
static const int64_t part_align = 16; /* elements */

reel_range reel_range_part(reel_range range, int k, int n)
{
    const int64_t units = (range.end - range.begin + part_align - 1) / part_align;
    const int64_t begin = range.begin + units * k / n * part_align;
    const int64_t end = range.begin + units * (k + 1) / n * part_align;
    return (reel_range){begin < range.end ? begin : range.end, end < range.end ? end : range.end};
}

bool reel_param_is_shared(const reel_param *p)
{
    return !(p->flags & REEL_PARAM_BUFFER);
}

bool reel_param_is_trained(const reel_param *p)
{
    return !(p->flags & (REEL_PARAM_BUFFER | REEL_PARAM_FROZEN));
}

bool reel_param_is_summed(const reel_param *p)
{
    return p->has_grad;
}

/* Appends the elements of parameter i, padding included. */
static void append_range(reel_range_list *out, const reel_params *params, int i)
{
    const reel_param *p = reel_params_at(params, i);
    const bool last = i + 1 == reel_params_count(params);
    const int64_t end =
        last ? reel_params_flat_size(params) : reel_params_at(params, i + 1)->offset;
    if (out->n > 0 && out->list[out->n - 1].end == p->offset)
        out->list[out->n - 1].end = end;
    else
        out->list[out->n++] = (reel_range){p->offset, end};
}

void reel_ranges_of(reel_range_list *out, const reel_params *params, reel_param_test *test)
{
    out->n = 0;
    for (int i = 0; i < reel_params_count(params); i++)
        if (test(reel_params_at(params, i)))
            append_range(out, params, i);
}

void reel_ranges_in(reel_range_list *out, const reel_params *params, const bool *in)
{
    out->n = 0;
    for (int i = 0; i < reel_params_count(params); i++)
        if (in[i])
            append_range(out, params, i);
}

reel_range reel_range_common(reel_range a, reel_range b)
{
    return (reel_range){a.begin > b.begin ? a.begin : b.begin, a.end < b.end ? a.end : b.end};
}

static reel_status begin_message(reel_comm *comm, reel_bulk *bulk, const reel_range_transfer *t,
                                 reel_range range, reel_error *err)
{
    if (bulk->n == bulk->capacity) {
        const int64_t capacity = bulk->capacity ? 2 * bulk->capacity : 64;
        reel_pending *list = realloc(bulk->list, (size_t)capacity * sizeof *list);
        if (!list) /* the other end waits for this message */
            return reel_comm_break_no_memory(comm, "messages between ranks", err);
        bulk->list = list;
        bulk->capacity = capacity;
    }

    reel_pending *pending = &bulk->list[bulk->n];
    char *data = (char *)t->array + range.begin * (int64_t)t->element;
    const size_t bytes = (size_t)(range.end - range.begin) * t->element;
    pending->peer = t->peer;
    REEL_TRY(t->receives ? reel_comm_receive(comm, data, bytes, t->tag, pending, err)
                         : reel_comm_send(comm, data, bytes, t->tag, pending, err));
    bulk->n++;
    return REEL_OK;
}

reel_status reel_bulk_begin(reel_comm *comm, reel_bulk *bulk, const reel_range_transfer *transfer,
                            reel_error *err)
{
    const int64_t most = (int64_t)(message_bytes / transfer->element);
    for (int i = 0; i < transfer->within->n; i++) {
        const reel_range all = reel_range_common(transfer->within->list[i], transfer->range);
        for (int64_t begin = all.begin; begin < all.end; begin += most) {
            const reel_range one = {begin, begin + most < all.end ? begin + most : all.end};
            REEL_TRY(begin_message(comm, bulk, transfer, one, err));
        }
    }
    return REEL_OK;
}

reel_status reel_bulk_look(reel_comm *comm, reel_bulk *bulk, int64_t *next, bool *done,
                           reel_error *err)
{
    *done = false;
    for (; *next < bulk->n; ++*next) {
        REEL_TRY(reel_comm_look(comm, &bulk->list[*next], done, err));
        if (!*done)
            return REEL_OK;
    }
    *done = true;
    return REEL_OK;
}

reel_status reel_bulk_finish(reel_comm *comm, reel_bulk *bulk, const char *what, reel_error *err)
{
    const int64_t n = bulk->n;
    bulk->n = 0;
    return reel_comm_wait(comm, bulk->list, n, what, err);
}
