/* The small exchanges. Each begins its messages with a head, so that ranks that do different things
 * find out instead of taking one's numbers for the other's.
 *
 * gather: in round k a rank sends all that it has to the rank 2^k below it, and receives as much
 * from the rank 2^k above: ceil(log2(ranks)) messages a rank (Bruck et al. 1997). */
#include <stdlib.h>
#include <string.h>

#include "core/comm/internal.h"

/* Before the contents of each message of an exchange. */
typedef struct exchange_head {
    uint64_t number; /* of the exchange */
    uint64_t bytes;  /* of the whole exchange, a rank */
    char what[48];
} exchange_head;

static const size_t spread_chunk = 1 << 20; /* bytes: a rank hands one on while the next comes */

void *reel_comm_scratch(reel_comm *comm, size_t bytes)
{
    if (bytes <= comm->scratch_size)
        return comm->scratch;
    free(comm->scratch);
    comm->scratch = malloc(bytes);
    comm->scratch_size = comm->scratch ? bytes : 0;
    return comm->scratch;
}

/* For what comes before the first message; afterwards a failure breaks the comm. */
static reel_status begin_exchange(reel_comm *comm, exchange_head *head, size_t bytes,
                                  const char *what, reel_error *err)
{
    if (reel_comm_is_broken(comm))
        return reel_comm_break(comm, &(reel_error){0}, err);
    memset(head, 0, sizeof *head);
    head->number = comm->exchanges++;
    head->bytes = bytes;
    strncpy(head->what, what, sizeof head->what - 1);
    return REEL_OK;
}

static reel_status compare_heads(reel_comm *comm, const exchange_head *mine, exchange_head *other,
                                 int rank, reel_error *err)
{
    if (memcmp(mine, other, sizeof *mine) == 0)
        return REEL_OK;
    reel_error why;
    other->what[sizeof other->what - 1] = '\0';
    reel_fail(&why, REEL_ERR_IO,
              "rank %d (host %s) does something else: exchange %llu of %llu bytes, \"%s\"; this "
              "rank: exchange %llu of %llu bytes, \"%s\"",
              rank, reel_comm_host_name(comm, rank), (unsigned long long)other->number,
              (unsigned long long)other->bytes, other->what, (unsigned long long)mine->number,
              (unsigned long long)mine->bytes, mine->what);
    return reel_comm_break(comm, &why, err);
}

/* One round of a gather: a message each way, of `bytes` behind a head. */
static reel_status gather_round(reel_comm *comm, char *out, char *in, size_t bytes, int distance,
                                reel_error *err)
{
    const int below = (comm->rank + comm->ranks - distance) % comm->ranks;
    const int above = (comm->rank + distance) % comm->ranks;
    reel_pending pending[2] = {{.peer = above}, {.peer = below}};
    exchange_head head;
    memcpy(&head, out, sizeof head);
    const size_t size = sizeof head + bytes;

    REEL_TRY(reel_comm_receive(comm, in, size, REEL_TAG_EXCHANGE, &pending[0], err));
    REEL_TRY(reel_comm_send(comm, out, size, REEL_TAG_EXCHANGE, &pending[1], err));
    REEL_TRY(reel_comm_wait(comm, pending, 2, head.what, err));

    exchange_head other;
    memcpy(&other, in, sizeof other);
    return compare_heads(comm, &head, &other, above, err);
}

reel_status reel_comm_gather(reel_comm *comm, const void *mine, size_t bytes, void *all,
                             const char *what, reel_error *err)
{
    REEL_NEED(comm, err);
    REEL_NEED(mine, err);
    REEL_NEED(all, err);
    REEL_NEED(what, err);
    if (!comm->link) {
        memmove(all, mine, bytes);
        return REEL_OK;
    }
    exchange_head head;
    REEL_TRY(begin_exchange(comm, &head, bytes, what, err));

    /* out: a head, then the blocks of this rank, the one above it, ...; in: what comes in a round
     */
    const size_t ranks = (size_t)comm->ranks;
    char *out = reel_comm_scratch(comm, 2 * (sizeof head + ranks * bytes));
    if (!out)
        return reel_comm_break_no_memory(comm, what, err);
    char *in = out + sizeof head + ranks * bytes, *blocks = out + sizeof head;
    memcpy(out, &head, sizeof head);
    memcpy(blocks, mine, bytes);

    for (size_t have = 1; have < ranks;) {
        const size_t more = have < ranks - have ? have : ranks - have;
        REEL_TRY(gather_round(comm, out, in, more * bytes, (int)have, err));
        memcpy(blocks + have * bytes, in + sizeof head, more * bytes);
        have += more;
    }

    for (size_t i = 0; i < ranks; i++)
        memcpy((char *)all + ((size_t)comm->rank + i) % ranks * bytes, blocks + i * bytes, bytes);
    return REEL_OK;
}

/* ---- one rank's bytes for others ---- */

/* A member's place in the binomial tree over n members: 0 is the source; the parent of p is p
 * without its highest bit. */
typedef struct spread_place {
    int parent;       /* a rank; -1 = this is the source */
    int children[32]; /* ranks */
    int n_children;
} spread_place;

static bool find_spread_place(const reel_spread *s, int rank, spread_place *place)
{
    int own = 0, bit = 1;
    while (own < s->n && s->members[own] != rank)
        own++;
    if (own == s->n)
        return false;
    while (bit <= own)
        bit *= 2;
    *place = (spread_place){.parent = own == 0 ? -1 : s->members[own - bit / 2]};
    for (; own + bit < s->n; bit *= 2)
        place->children[place->n_children++] = s->members[own + bit];
    return true;
}

/* What small contents need besides the caller's memory, which may end with a failure. */
typedef struct spread_copy {
    exchange_head head;
    char data[4096];
} spread_copy;

/* Receives one chunk and begins to hand it on. */
static reel_status spread_one(reel_comm *comm, const spread_place *place, void *data, size_t bytes,
                              reel_pending *sends, reel_error *err)
{
    if (place->parent >= 0) {
        reel_pending in = {.peer = place->parent};
        REEL_TRY(reel_comm_receive(comm, data, bytes, REEL_TAG_EXCHANGE, &in, err));
        REEL_TRY(reel_comm_wait(comm, &in, 1, "a broadcast", err));
    }
    for (int i = 0; i < place->n_children; i++) {
        sends[i].peer = place->children[i];
        REEL_TRY(reel_comm_send(comm, data, bytes, REEL_TAG_EXCHANGE, &sends[i], err));
    }
    return REEL_OK;
}

static reel_status spread_chunks(reel_comm *comm, const reel_spread *s, const spread_place *place,
                                 const exchange_head *own, reel_error *err)
{
    const size_t chunks = (s->bytes + spread_chunk - 1) / spread_chunk;
    const size_t children = (size_t)place->n_children, all = (chunks + 1) * (children + 1);
    spread_copy *copy = calloc(1, sizeof *copy + all * sizeof(reel_pending));
    if (!copy)
        return reel_comm_break_no_memory(comm, own->what, err);
    reel_pending *sends = (reel_pending *)(copy + 1);
    const bool small = s->bytes <= sizeof copy->data;
    char *data = small ? copy->data : s->data;

    reel_status status;
    copy->head = *own;
    if (small && place->parent < 0)
        memcpy(data, s->data, s->bytes);
    REEL_TRY_GOTO(spread_one(comm, place, &copy->head, sizeof copy->head, sends, err), done);
    REEL_TRY_GOTO(compare_heads(comm, own, &copy->head, place->parent < 0 ? 0 : place->parent, err),
                  done);
    for (size_t c = 0; c < chunks; c++) {
        const size_t begin = c * spread_chunk, rest = s->bytes - begin;
        REEL_TRY_GOTO(spread_one(comm, place, data + begin,
                                 rest < spread_chunk ? rest : spread_chunk,
                                 sends + (c + 1) * children, err),
                      done);
    }
    REEL_TRY_GOTO(reel_comm_wait(comm, sends, (int64_t)((chunks + 1) * children), own->what, err),
                  done);
    if (small && place->parent >= 0)
        memcpy(s->data, data, s->bytes);
done:
    if (!reel_comm_is_broken(comm)) /* else messages of it may be under way */
        free(copy);
    return status;
}

reel_status reel_comm_spread(reel_comm *comm, const reel_spread *spread, const char *what,
                             reel_error *err)
{
    exchange_head head;
    spread_place place;
    REEL_TRY(begin_exchange(comm, &head, spread->bytes, what, err));
    return find_spread_place(spread, comm->rank, &place)
               ? spread_chunks(comm, spread, &place, &head, err)
               : REEL_OK;
}

reel_status reel_comm_broadcast(reel_comm *comm, void *data, size_t bytes, int from,
                                const char *what, reel_error *err)
{
    REEL_NEED(comm, err);
    REEL_NEED(data, err);
    REEL_NEED(what, err);
    if (from < 0 || from >= comm->ranks)
        return reel_fail(err, REEL_ERR_INVALID, "%s: expected a rank of 0 to %d, got %d", what,
                         comm->ranks - 1, from);
    if (!comm->link)
        return REEL_OK;

    int *members = malloc((size_t)comm->ranks * sizeof *members);
    if (!members)
        return reel_comm_break_no_memory(comm, what, err);
    for (int i = 0; i < comm->ranks; i++)
        members[i] = (from + i) % comm->ranks;
    const reel_spread all = {.data = data, .bytes = bytes, .members = members, .n = comm->ranks};
    const reel_status status = reel_comm_spread(comm, &all, what, err);
    free(members);
    return status;
}

/* ---- sums ---- */

/* Each rank adds up one slice of x: `slices` receives this rank's slice from every rank. */
static reel_status collect_slices(reel_comm *comm, double *x, double *slices, int64_t each,
                                  reel_error *err)
{
    reel_pending *pending = calloc(2 * (size_t)comm->ranks, sizeof *pending);
    if (!pending)
        return reel_comm_break_no_memory(comm, "a sum", err);

    reel_status status = REEL_OK;
    const size_t bytes = (size_t)each * sizeof *x;
    int n = 0;
    /* Each rank begins with another one, or all would send to rank 0 at once. */
    for (int i = 1; i < comm->ranks; i++, n++) {
        const int from = (comm->rank + comm->ranks - i) % comm->ranks;
        pending[n].peer = from;
        REEL_TRY_GOTO(reel_comm_receive(comm, slices + from * each, bytes, REEL_TAG_EXCHANGE,
                                        &pending[n], err),
                      done);
    }
    for (int i = 1; i < comm->ranks; i++, n++) {
        const int to = (comm->rank + i) % comm->ranks;
        pending[n].peer = to;
        REEL_TRY_GOTO(
            reel_comm_send(comm, x + to * each, bytes, REEL_TAG_EXCHANGE, &pending[n], err), done);
    }
    REEL_TRY_GOTO(reel_comm_wait(comm, pending, n, "the parts of a sum", err), done);
    memcpy(slices + comm->rank * each, x + comm->rank * each, bytes);
done:
    free(pending);
    return status;
}

/* The sum of many numbers: 2 n numbers a rank go over the wire, not ranks x n. */
static reel_status add_up_slices(reel_comm *comm, double *x, int64_t n, const char *what,
                                 reel_error *err)
{
    const int64_t ranks = comm->ranks, each = (n + ranks - 1) / ranks, all = each * ranks;
    double *padded = calloc(2 * (size_t)all, sizeof *padded), *slices = padded + all;
    if (!padded)
        return reel_comm_break_no_memory(comm, what, err);

    reel_status status;
    memcpy(padded, x, (size_t)n * sizeof *x);
    REEL_TRY_GOTO(collect_slices(comm, padded, slices, each, err), done);
    for (int64_t r = 1; r < ranks; r++)
        for (int64_t i = 0; i < each; i++)
            slices[i] += slices[r * each + i];
    REEL_TRY_GOTO(reel_comm_gather(comm, slices, (size_t)each * sizeof *x, padded, what, err),
                  done);
    memcpy(x, padded, (size_t)n * sizeof *x);
done:
    if (!reel_comm_is_broken(comm)) /* else messages of it may be under way */
        free(padded);
    return status;
}

reel_status reel_comm_add_up(reel_comm *comm, double *x, int64_t n, const char *what,
                             reel_error *err)
{
    const int64_t few = 1024;
    REEL_NEED(comm, err);
    REEL_NEED(x, err);
    REEL_NEED(what, err);
    if (!comm->link || n <= 0)
        return REEL_OK;
    if (n > few)
        return add_up_slices(comm, x, n, what, err);

    double *all = malloc((size_t)comm->ranks * (size_t)n * sizeof *all);
    if (!all)
        return reel_comm_break_no_memory(comm, what, err);
    const reel_status status = reel_comm_gather(comm, x, (size_t)n * sizeof *x, all, what, err);
    for (int64_t i = 0; status == REEL_OK && i < n; i++) {
        x[i] = all[i];
        for (int64_t r = 1; r < comm->ranks; r++)
            x[i] += all[r * n + i];
    }
    free(all);
    return status;
}

reel_status reel_comm_agree(reel_comm *comm, reel_status mine, reel_error *err, const char *what)
{
    REEL_NEED(comm, err);
    REEL_NEED(what, err);
    if (mine != REEL_OK && err && err->status != mine)
        reel_fail(err, mine, "%s failed", what);
    if (!comm->link)
        return mine;
    int32_t *all = malloc((size_t)comm->ranks * sizeof *all), own = mine;
    if (!all)
        return reel_comm_break_no_memory(comm, what, err);
    const reel_status status = reel_comm_gather(comm, &own, sizeof own, all, what, err);
    int failed = 0;
    while (status == REEL_OK && failed < comm->ranks && all[failed] == REEL_OK)
        failed++;
    const reel_status theirs =
        status == REEL_OK && failed < comm->ranks ? (reel_status)all[failed] : REEL_OK;
    free(all);
    if (status != REEL_OK || theirs == REEL_OK)
        return status;

    /* err may be NULL on this rank; the others still want the message. */
    char message[sizeof err->message] = "";
    if (failed == comm->rank)
        memcpy(message, err ? err->message : "no message", err ? sizeof message : 11);
    REEL_TRY(reel_comm_broadcast(comm, message, sizeof message, failed, what, err));
    message[sizeof message - 1] = '\0';
    return reel_fail(err, theirs, "rank %d (host %s): %.900s", failed,
                     reel_comm_host_name(comm, failed), message);
}
