/* How long a message takes between two ranks. */
#include <stdlib.h>
#include <string.h>

#include "core/comm/internal.h"

/* One of the two: sends first, or answers. */
static reel_status ping_pong(reel_comm *comm, int other, bool begins, char *data, size_t bytes,
                             int times, reel_error *err)
{
    for (int i = 0; i < 2 * times; i++) {
        reel_pending pending = {.peer = other};
        if ((i % 2 == 0) == begins)
            REEL_TRY(reel_comm_send(comm, data, bytes, REEL_TAG_BULK, &pending, err));
        else
            REEL_TRY(reel_comm_receive(comm, data, bytes, REEL_TAG_BULK, &pending, err));
        REEL_TRY(reel_comm_wait(comm, &pending, 1, "a message to measure", err));
    }
    return REEL_OK;
}

reel_status reel_comm_ping(reel_comm *comm, int a, int b, size_t bytes, int times, double *seconds,
                           reel_error *err)
{
    const char *what = "a message to measure";
    const size_t most = (size_t)1 << 30;
    REEL_NEED(comm, err);
    REEL_NEED(seconds, err);
    *seconds = 0;
    const int rank = comm->rank, ranks = comm->ranks;
    if (a < 0 || b < 0 || a >= ranks || b >= ranks || a == b || bytes > most || times < 1)
        return reel_fail(err, REEL_ERR_INVALID,
                         "messages to measure: expected two of %d ranks, at most 1 GiB, and 1 time "
                         "or more",
                         ranks);

    char *data = rank == a || rank == b ? malloc(bytes + 1) : NULL;
    reel_status status = REEL_OK;
    if ((rank == a || rank == b) && !data)
        status = reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", what);
    REEL_TRY_GOTO(reel_comm_agree(comm, status, err, what), done);

    /* The first way there and back is not counted: it touches memory, and may open connections. */
    const int other = rank == a ? b : a;
    if (data) {
        memset(data, 1, bytes);
        REEL_TRY_GOTO(ping_pong(comm, other, rank == a, data, bytes, 1, err), done);
    }
    const double began = reel_clock_seconds();
    if (data)
        REEL_TRY_GOTO(ping_pong(comm, other, rank == a, data, bytes, times, err), done);
    *seconds = (reel_clock_seconds() - began) / (2 * times);
    status = reel_comm_broadcast(comm, seconds, sizeof *seconds, a, what, err);
done:
    if (!reel_comm_is_broken(comm)) /* else a message of it may be under way */
        free(data);
    return status;
}
