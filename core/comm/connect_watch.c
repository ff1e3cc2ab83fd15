/* Connecting waits for all ranks inside the message-passing system, without a limit and without a
 * way to stop it. A thread counts the seconds meanwhile. */
#include <signal.h>
#include <stdio.h>

#include "core/comm/internal.h"

static const double shortest_patience = 8; /* s: the ranks of a busy machine start one by one */

static double connect_patience(const reel_comm_config *config)
{
    return config->timeout > shortest_patience ? config->timeout : shortest_patience;
}

/* Waits for a tick; says whether the ranks are connected. */
static bool connect_watch_tick(reel_connect_watch *w, double seconds)
{
    pthread_mutex_lock(&w->lock);
    if (!w->connected)
        reel_timed_wait(&w->wake, &w->lock, seconds);
    const bool connected = w->connected;
    pthread_mutex_unlock(&w->lock);
    return connected;
}

static void *connect_watch_run(void *arg)
{
    reel_connect_watch *w = arg;
    /* Ticks, not a look at the clock: the time in which this process itself is stopped does not
     * count. */
    const double patience = connect_patience(w->config), tick = 0.1;
    for (double left = patience; left > 0; left -= tick)
        if (connect_watch_tick(w, tick))
            return NULL;

    char message[200];
    snprintf(message, sizeof message,
             "the ranks are not connected after %g s: another rank is stopped, does not start, or "
             "cannot be reached",
             patience);
    w->config->on_lost(w->config->user, message);
    return NULL;
}

void reel_connect_watch_start(reel_connect_watch *w, const reel_comm_config *config)
{
    *w = (reel_connect_watch){.config = config};
    if (!config->on_lost)
        return;
    pthread_mutex_init(&w->lock, NULL);
    reel_timed_cond_init(&w->wake);

    /* Signals are for the program's own threads. Without this thread, connecting has no limit. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    w->runs = pthread_create(&w->thread, NULL, connect_watch_run, w) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void reel_connect_watch_stop(reel_connect_watch *w)
{
    if (!w->config->on_lost)
        return;
    if (w->runs) {
        pthread_mutex_lock(&w->lock);
        w->connected = true;
        pthread_cond_signal(&w->wake);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
    }
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
}
