/* Signs of life. Every rank sends a few bytes a second to the next one, in a ring, from a thread of
 * its own, and looks at what came from the one before. So each rank is watched by one other, and
 * the cost does not grow with the number of ranks.
 *
 * A rank whose comm is broken says so in its last sign, and the next rank passes that on: each of
 * the others waits for this rank no longer. */
#include <signal.h>
#include <stdio.h>

#include "core/comm/internal.h"
#include "core/system_error.h"

static const double beat_tick = 0.05; /* s between two looks: so much a failure takes for a rank */

/* What the thread knows; nobody else looks at it. */
typedef struct beat_state {
    reel_comm *comm;
    reel_link_request sent, received;
    int next, before;         /* addresses */
    bool sending, said;       /* a message is under way; it was the last one */
    bool heard;               /* the rank before has sent its last one */
    bool learned;             /* it was a failure: `in` keeps it */
    double due;               /* when the next sign of life is sent */
    double last_sign, looked; /* when the rank before showed life; when this thread last ran */
    double lost_at;           /* 0 = it is not lost */
    bool called;              /* on_lost */
} beat_state;

static double beat_interval(const reel_comm *comm)
{
    return comm->timeout < 4 ? comm->timeout / 4 : 1;
}

static void beat_mark_lost(beat_state *s)
{
    if (s->lost_at != 0)
        return;
    s->lost_at = reel_clock_seconds();
    pthread_mutex_lock(&s->comm->beat.lock);
    s->comm->beat.lost = s->before;
    pthread_mutex_unlock(&s->comm->beat.lock);
}

static bool beat_post_receive(beat_state *s)
{
    reel_beat *b = &s->comm->beat;
    return s->comm->link->start_receive(&b->in, sizeof b->in, s->before, REEL_TAG_BEAT,
                                        &s->received) == 0;
}

/* Another rank has failed. */
static void beat_learn(beat_state *s)
{
    reel_error *failure = &s->comm->beat.in.failure, first;
    failure->message[sizeof failure->message - 1] = '\0';
    s->learned = true;
    reel_comm_break(s->comm, failure, &first);
}

/* Takes what the rank before has sent. */
static void beat_look(beat_state *s)
{
    const double now = reel_clock_seconds();
    /* This process itself did not run, stopped or starved: the rank before gets its time again. */
    if (now - s->looked > s->comm->timeout / 2)
        s->last_sign = now;
    s->looked = now;

    int done = 1;
    while (!s->heard && s->lost_at == 0 && done) {
        if (s->comm->link->test(&s->received, &done)) {
            beat_mark_lost(s);
            return;
        }
        if (!done)
            break;
        s->last_sign = now;
        s->heard = s->comm->beat.in.kind != REEL_SIGN_OF_LIFE;
        if (s->comm->beat.in.kind == REEL_SIGN_FAILURE)
            beat_learn(s);
        if (!s->heard && !beat_post_receive(s))
            beat_mark_lost(s);
    }
    if (!s->heard && now - s->last_sign > s->comm->timeout)
        beat_mark_lost(s);
}

/* What another rank has said is passed on as it is. */
static reel_error beat_failure(const beat_state *s)
{
    reel_comm *comm = s->comm;
    if (s->learned)
        return comm->beat.in.failure;
    reel_error named;
    pthread_mutex_lock(&comm->failing);
    reel_fail(&named, comm->failure.status, "rank %d (host %s): %.900s", comm->rank,
              reel_comm_host_name(comm, comm->rank), comm->failure.message);
    pthread_mutex_unlock(&comm->failing);
    return named;
}

/* Sends the sign that is due, unless the last one is still under way. */
static void beat_send(beat_state *s, bool closing)
{
    reel_beat *b = &s->comm->beat;
    const bool failed = reel_comm_is_broken(s->comm);
    const double now = reel_clock_seconds();
    int done = 1;
    if (s->sending && s->comm->link->test(&s->sent, &done) == 0 && !done)
        return;
    s->sending = false;
    if (s->said || (!failed && !closing && now < s->due))
        return;

    size_t bytes = sizeof b->out.kind;
    b->out.kind = closing ? REEL_SIGN_GOODBYE : REEL_SIGN_OF_LIFE;
    if (failed) {
        b->out = (reel_sign){REEL_SIGN_FAILURE, beat_failure(s)};
        bytes = sizeof b->out;
    }
    s->due = now + beat_interval(s->comm);
    s->said = failed || closing;
    s->sending = s->comm->link->start_send(&b->out, bytes, s->next, REEL_TAG_BEAT, &s->sent) == 0;
}

/* Nobody has come to a wait since the rank was lost: the program is told here. */
static void beat_tell(beat_state *s)
{
    reel_comm *comm = s->comm;
    pthread_mutex_lock(&comm->beat.lock);
    const bool noticed = comm->beat.noticed;
    pthread_mutex_unlock(&comm->beat.lock);
    if (s->lost_at == 0 || s->called || noticed ||
        reel_clock_seconds() - s->lost_at < comm->timeout)
        return;

    s->called = true;
    char message[300];
    const int rank = reel_beat_lost(comm);
    snprintf(
        message, sizeof message,
        "rank %d (host %s) is lost: no sign of life for %g s; this rank was not waiting for it",
        rank, reel_comm_host_name(comm, rank), 2 * comm->timeout);
    if (comm->config.on_lost)
        comm->config.on_lost(comm->config.user, message);
}

/* Sleeps until the next look, or until the rank fails or closes; says whether it closes. */
static bool beat_pause(reel_comm *comm, bool closing)
{
    const double interval = beat_interval(comm), tick = interval < beat_tick ? interval : beat_tick;
    reel_beat *b = &comm->beat;
    pthread_mutex_lock(&b->lock);
    if (closing || !b->closing)
        reel_timed_wait(&b->wake, &b->lock, closing ? 1e-3 : tick);
    closing = b->closing;
    pthread_mutex_unlock(&b->lock);
    return closing;
}

static void *beat_run(void *arg)
{
    reel_comm *comm = arg;
    /* Ranks by address: the ring exists before the ranks have their numbers. */
    const int own = comm->address;
    const double now = reel_clock_seconds();
    beat_state s = {.comm = comm,
                    .next = (own + 1) % comm->ranks,
                    .before = (own + comm->ranks - 1) % comm->ranks,
                    .last_sign = now,
                    .looked = now};
    if (!beat_post_receive(&s))
        beat_mark_lost(&s);

    bool closing = false;
    for (;;) {
        beat_look(&s);
        beat_send(&s, closing);
        beat_tell(&s);
        if (closing && (s.lost_at != 0 || (s.said && !s.sending && s.heard)))
            return NULL;
        closing = beat_pause(comm, closing);
    }
}

reel_status reel_beat_start(reel_comm *comm, reel_error *err)
{
    reel_beat *b = &comm->beat;
    b->lost = -1;
    pthread_mutex_init(&b->lock, NULL);
    reel_timed_cond_init(&b->wake);

    /* Signals are for the program's own threads. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    b->runs = true; /* the thread reads it */
    const int reason = pthread_create(&b->thread, NULL, beat_run, comm);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (reason == 0)
        return REEL_OK;
    b->runs = false;
    return reel_fail_system(err, reason, "cannot start the thread that watches the ranks");
}

void reel_beat_stop(reel_comm *comm)
{
    reel_beat *b = &comm->beat;
    if (!b->runs)
        return;
    pthread_mutex_lock(&b->lock);
    b->closing = true;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    b->runs = false;
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
}

void reel_beat_wake(reel_comm *comm)
{
    reel_beat *b = &comm->beat;
    if (!b->runs)
        return;
    pthread_mutex_lock(&b->lock);
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
}

int reel_beat_lost(reel_comm *comm)
{
    reel_beat *b = &comm->beat;
    if (!b->runs)
        return -1;
    pthread_mutex_lock(&b->lock);
    const int address = b->lost;
    b->noticed |= address >= 0;
    pthread_mutex_unlock(&b->lock);

    for (int rank = 0; address >= 0 && rank < comm->ranks; rank++)
        if (comm->peers[rank].address == address)
            return rank;
    return -1;
}
