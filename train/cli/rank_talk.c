/* Which process speaks, before the ranks are connected and after. */
#include "train/cli/rank_talk.h"

#include "train/run/say.h"
#include "train/run/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* For the thread that watches the ranks. */
static const char *shared_command = "";
static _Atomic(reel_comm *) connected;
static bool all_fail; /* process 0 has the same complaint */

/* The launcher's number of this process; 0 = it has none. */
static int launched_number(void)
{
    static const char *const numbers[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK",
                                          "SLURM_PROCID"};
    if (!reel_comm_is_launched())
        return 0;
    for (int i = 0; i < REEL_COUNT(numbers); i++) {
        const char *number = getenv(numbers[i]);
        if (number && *number)
            return atoi(number);
    }
    return 0;
}

void reel_rank_talk_begin(void)
{
    reel_say_silence(launched_number() != 0);
}

void reel_rank_talk_turn(void)
{
    /* Open MPI ends the other processes within 2 s, srun --kill-on-bad-exit at once. */
    const struct timespec moment = {.tv_sec = 3};
    if (connected || all_fail || !reel_say_is_silent())
        return;

    /* The signal that ends this process must not change its exit code, which srun may report. */
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &end, NULL);
    int number;
    do
        number = sigtimedwait(&end, NULL, &moment);
    while (number < 0 && errno == EINTR);
    if (number != SIGTERM)
        reel_say_silence(false);
}

/* In the thread that watches: no exchange has noticed, since this rank computes or waits for a
 * disk. */
static void end_lost(void *user, const char *message)
{
    const int failed = 1; /* REEL_EXIT_FAILED of command.h */
    (void)user;
    /* All ranks notice that they are not connected, and the first of them speaks for all: Open MPI
     * ends the others, but takes a moment for it. */
    const int number = launched_number();
    const useconds_t patience = 500000; /* for each rank before this one */
    if (!connected)
        usleep(patience * (useconds_t)(number < 9 ? number : 9));
    reel_say_silence(false);
    reel_say("reel %s: %s", shared_command, message);
    reel_comm_abort(connected, failed);
    _exit(failed); /* they were not connected yet: Open MPI ends the others */
}

reel_status reel_rank_talk_connect(reel_comm **comm, const char *command, double timeout,
                                   reel_error *err)
{
    const reel_comm_config config = {.timeout = timeout, .on_lost = end_lost};
    shared_command = command;
    const reel_status status = reel_comm_open(comm, &config, err);
    all_fail = status == REEL_ERR_INVALID;
    if (status != REEL_OK)
        return status;
    connected = *comm;
    reel_say_silence(reel_comm_rank(*comm) != 0);
    return REEL_OK;
}

bool reel_rank_talk_holds(reel_comm *comm)
{
    /* An exchange that has failed fails again at once. */
    return reel_comm_agree(comm, REEL_OK, NULL, "the end of a command") == REEL_OK;
}

void reel_rank_talk_share_signal(reel_comm *comm)
{
    const int ranks = reel_comm_ranks(comm);
    int mine = reel_signals_pending(), *all = calloc((size_t)ranks, sizeof *all);
    if (all && reel_comm_gather(comm, &mine, sizeof mine, all, "the signal", NULL) == REEL_OK)
        for (int r = 0; r < ranks; r++)
            reel_signals_adopt(all[r]);
    free(all);
}

void reel_rank_talk_close(reel_comm *comm)
{
    if (reel_comm_ranks(comm) > 1)
        reel_signals_quiet(true);
    reel_comm_close(comm);
}
