/* Messages between single ranks, and waiting for them without keeping a core busy. */
#include <stdio.h>
#include <time.h>

#include "core/comm/internal.h"

double reel_clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void reel_timed_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &clock);
    pthread_condattr_destroy(&clock);
}

void reel_timed_wait(pthread_cond_t *cond, pthread_mutex_t *lock, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const int64_t ns = until.tv_nsec + (int64_t)(seconds * 1e9);
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_cond_timedwait(cond, lock, &until);
}

reel_status reel_comm_break(reel_comm *comm, const reel_error *why, reel_error *err)
{
    pthread_mutex_lock(&comm->failing);
    const bool is_first = comm->failure.status == REEL_OK;
    if (is_first)
        comm->failure = *why;
    const reel_error first = comm->failure;
    pthread_mutex_unlock(&comm->failing);
    if (is_first)
        reel_beat_wake(comm);
    return reel_fail(err, first.status, "%s", first.message);
}

reel_status reel_comm_break_no_memory(reel_comm *comm, const char *what, reel_error *err)
{
    reel_error why;
    reel_fail(&why, REEL_ERR_MEMORY, "%s: out of memory", what);
    return reel_comm_break(comm, &why, err);
}

reel_status reel_comm_fail(reel_comm *comm, reel_error *err)
{
    reel_error why, first;
    if (err && err->status != REEL_OK)
        why = *err;
    else
        reel_fail(&why, REEL_ERR_INVALID, "the rank has failed; no reason is given");
    if (comm && comm->link)
        reel_comm_break(comm, &why, &first);
    return err ? reel_fail(err, why.status, "%s", why.message) : why.status;
}

bool reel_comm_is_broken(reel_comm *comm)
{
    pthread_mutex_lock(&comm->failing);
    const bool broken = comm->failure.status != REEL_OK;
    pthread_mutex_unlock(&comm->failing);
    return broken;
}

/* A call of the link failed, or a message did. */
static reel_status fail_message(reel_comm *comm, int code, int peer, const char *what,
                                reel_error *err)
{
    char words[200];
    reel_error why;
    comm->link->words(code, words, sizeof words);
    reel_fail(&why, REEL_ERR_IO, "rank %d (host %s): %s failed: %.200s", peer,
              reel_comm_host_name(comm, peer), what, words);
    return reel_comm_break(comm, &why, err);
}

reel_status reel_comm_send(reel_comm *comm, const void *data, size_t bytes, int tag,
                           reel_pending *pending, reel_error *err)
{
    const int code = comm->link->start_send(data, bytes, comm->peers[pending->peer].address, tag,
                                            &pending->request);
    return code ? fail_message(comm, code, pending->peer, "a message to it", err) : REEL_OK;
}

reel_status reel_comm_receive(reel_comm *comm, void *data, size_t bytes, int tag,
                              reel_pending *pending, reel_error *err)
{
    const int code = comm->link->start_receive(data, bytes, comm->peers[pending->peer].address, tag,
                                               &pending->request);
    return code ? fail_message(comm, code, pending->peer, "a message from it", err) : REEL_OK;
}

reel_status reel_comm_break_lost(reel_comm *comm, int lost, const char *what, reel_error *err)
{
    reel_error why;
    reel_fail(&why, REEL_ERR_IO,
              "rank %d (host %s) is lost: no sign of life for %g s; waited for %s", lost,
              reel_comm_host_name(comm, lost), comm->timeout, what);
    return reel_comm_break(comm, &why, err);
}

reel_status reel_comm_look(reel_comm *comm, reel_pending *pending, bool *done, reel_error *err)
{
    int found = 0;
    const int code = comm->link->test(&pending->request, &found);
    *done = found != 0;
    return code ? fail_message(comm, code, pending->peer, "a message with it", err) : REEL_OK;
}

static reel_status wait_for_one(reel_comm *comm, reel_pending *pending, const char *what,
                                reel_error *err)
{
    /* A few looks without a pause catch what is nearly there; then pauses grow, because the rank
     * that is waited for may need this core. */
    const double spin = 20e-6;
    const long first_pause = 20 * 1000, longest_pause = 1000 * 1000; /* ns */
    struct timespec pause = {.tv_nsec = first_pause};
    double begin = 0;

    for (;;) {
        int done = 0;
        const int code = comm->link->test(&pending->request, &done);
        if (code)
            return fail_message(comm, code, pending->peer, what, err);
        if (done)
            return REEL_OK;

        const double now = reel_clock_seconds();
        if (begin == 0)
            begin = now;
        if (now - begin < spin)
            continue;
        if (reel_comm_is_broken(comm))
            return reel_comm_break(comm, &(reel_error){0}, err);
        const int lost = reel_beat_lost(comm);
        if (lost >= 0)
            return reel_comm_break_lost(comm, lost, what, err);
        nanosleep(&pause, NULL);
        pause.tv_nsec += pause.tv_nsec / 2;
        if (pause.tv_nsec > longest_pause)
            pause.tv_nsec = longest_pause;
    }
}

reel_status reel_comm_wait(reel_comm *comm, reel_pending *pending, int64_t n, const char *what,
                           reel_error *err)
{
    /* After a failure the others may wait for what this rank has not sent, alive but for ever: this
     * rank waits for nothing any more, so that its program ends all ranks. */
    if (reel_comm_is_broken(comm))
        return reel_comm_break(comm, &(reel_error){0}, err);
    for (int64_t i = 0; i < n; i++)
        REEL_TRY(wait_for_one(comm, &pending[i], what, err));
    /* What others wrote into shared memory before their messages is visible from here on. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return REEL_OK;
}
