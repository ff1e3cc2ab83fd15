/* ranks WHAT [TIMEOUT [WAY]]: what tests/integration/ranks.sh starts through mpirun, or alone.
 *
 *     exchanges   gather, broadcast, add_up, agree
 *     parallel    sums of gradients, shared weights, arrays: the bits of one process
 *     overlap     the same, with the exchange behind computing
 *     factors     gradients that are made of factors: the bits of one process, and what is sent
 *     refusals    stores, pieces and steps that do not fit together
 *     no-memory   the last rank cannot have memory
 *     mixed-up    rank 0 calls another exchange than the others
 *     failure     the last rank fails by itself: it says so (WAY "told"), or has no memory for an
 *                 exchange ("exchange"), a sum of gradients ("sum"), their norm ("norm"), or the
 *                 search for NaN ("finite")
 *     late        rank 1 fails, then sends what rank 0 has waited for: an array, or a message of
 * the exchange that WAY names loss        exchanges without end, until a rank is lost busy rank 0
 * computes without end, until the library calls on_lost
 *
 * Exit code 3: a result is wrong. 4: the comm cannot be opened. 5: an exchange has failed. 6:
 * on_lost was called. */
#include "tests/comm/ranks.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static reel_comm *the_comm;

void end_badly(void)
{
    printf(" (rank %d of %d)\n", reel_comm_rank(the_comm), reel_comm_ranks(the_comm));
    fflush(stdout);
    reel_comm_abort(the_comm, 3);
}

void must(reel_status status, const reel_error *err)
{
    expect(status == REEL_OK, "%s", err->message);
}

static void say_ready(reel_comm *comm)
{
    const char *job = getenv("PMIX_NAMESPACE"); /* in the names of Open MPI's files */
    printf("ready %d %d %s\n", reel_comm_rank(comm), (int)getpid(), job ? job : "");
    fflush(stdout);
}

int try_loss(reel_comm *comm)
{
    reel_error err;
    double x = 1;
    say_ready(comm);
    for (;;) {
        const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
        nanosleep(&pause, NULL);
        if (reel_comm_add_up(comm, &x, 1, "the sum of a test", &err) != REEL_OK)
            break;
        x = 1;
    }
    printf("rank %d: %s\n", reel_comm_rank(comm), err.message);
    fflush(stdout);
    reel_comm_abort(comm, 5);
    return 5;
}

int try_busy(reel_comm *comm)
{
    say_ready(comm);
    for (volatile double x = 1; x > 0; x = x + 1)
        usleep(100);
    return 0;
}

static void tell_lost(void *user, const char *message)
{
    (void)user;
    printf("on_lost: %s\n", message);
    fflush(stdout);
    reel_comm_abort(the_comm, 6);
    _exit(6); /* reel_comm_open has not returned yet */
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    const reel_comm_config config = {.timeout = argc > 2 ? atof(argv[2]) : 0, .on_lost = tell_lost};
    reel_error err;
    if (reel_comm_open(&the_comm, &config, &err) != REEL_OK) {
        printf("%s\n", err.message);
        return 4;
    }
    int code = 0;
    if (!strcmp(what, "exchanges"))
        try_exchanges(the_comm);
    else if (!strcmp(what, "parallel"))
        try_parallel(the_comm, false);
    else if (!strcmp(what, "overlap"))
        try_parallel(the_comm, true);
    else if (!strcmp(what, "factors"))
        try_factors(the_comm);
    else if (!strcmp(what, "refusals"))
        try_refusals(the_comm);
    else if (!strcmp(what, "no-memory"))
        try_no_memory(the_comm);
    else if (!strcmp(what, "mixed-up"))
        code = try_mixed_up(the_comm);
    else if (!strcmp(what, "failure"))
        code = try_failure(the_comm, argc > 3 ? argv[3] : "");
    else if (!strcmp(what, "late"))
        code = argc > 3 ? try_late_exchange(the_comm, argv[3]) : try_late_messages(the_comm);
    else if (!strcmp(what, "loss"))
        code = try_loss(the_comm);
    else if (!strcmp(what, "busy"))
        code = try_busy(the_comm);
    if (reel_comm_rank(the_comm) == 0)
        printf("%s: %d ranks on %d hosts; %s\n", what, reel_comm_ranks(the_comm),
               reel_comm_hosts(the_comm), reel_comm_note(the_comm));
    reel_comm_close(the_comm);
    return code;
}
