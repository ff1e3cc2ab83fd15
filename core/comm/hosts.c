/* Which ranks share memory, and the numbers of the ranks.
 *
 * Processes belong together if their kernel and their process numbers are the same: the boot's
 * identity and the namespace. Whether one may open the other's memory is then tried, because
 * containers and security modules may forbid it. Where one rank of a machine cannot, each rank of
 * that machine counts as a host of its own, and works by messages.
 *
 * For tests, the environment's REEL_TEST_HOSTS=N splits the ranks into N hosts as if these were
 * machines, -N deals them out in turn, and 0 lets the trial fail. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/comm/internal.h"
#include "core/comm/window.h"

static const size_t trial_bytes = 4096;
/* mpirun takes 5 to 7 s to notice that a link is down. One that is told earlier to end the ranks
 * hangs or crashes, and leaves files on the other hosts. */
static const double shortest_between_hosts = 8;

/* What each process says of itself. */
typedef struct host_hello {
    char version[16];
    char name[REEL_HOST_NAME];
    char machine[128]; /* the same for all processes that may share memory */
    int32_t process;
} host_hello;

static void read_line(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file || !fgets(text, (int)size, file))
        snprintf(text, size, "unknown");
    text[strcspn(text, "\n")] = '\0';
    if (file)
        fclose(file);
}

/* The environment's REEL_TEST_HOSTS; 1 = it is not set. */
static int hosts_for_tests(void)
{
    const char *value = getenv("REEL_TEST_HOSTS");
    return value && *value ? atoi(value) : 1;
}

static host_hello say_hello(const reel_comm *comm)
{
    host_hello h;
    memset(&h, 0, sizeof h); /* all of it is sent */
    snprintf(h.version, sizeof h.version, "%s", reel_version());
    if (gethostname(h.name, sizeof h.name) != 0)
        snprintf(h.name, sizeof h.name, "unknown");
    h.name[sizeof h.name - 1] = '\0';
    h.process = (int32_t)getpid();

    char boot[48], space[40] = "";
    read_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    const ssize_t length = readlink("/proc/self/ns/pid", space, sizeof space - 1);
    space[length > 0 ? length : 0] = '\0';
    const int parts = hosts_for_tests();
    int64_t part = 0;
    if (parts > 0)
        part = (int64_t)comm->rank * parts / comm->ranks;
    else if (parts < 0)
        part = comm->rank % -parts;
    snprintf(h.machine, sizeof h.machine, "%s %s %d", boot, space, (int)part);
    if (parts > 1 || parts < -1)
        snprintf(h.name + strnlen(h.name, sizeof h.name - 8), 8, ".%d", (int)part % 1000);
    return h;
}

static reel_status compare_versions(const host_hello *all, const reel_comm *comm, reel_error *err)
{
    for (int i = 1; i < comm->ranks; i++)
        if (strcmp(all[i].version, all[0].version) != 0)
            return reel_fail(err, REEL_ERR_INVALID,
                             "ranks run different versions of Reel: %.15s on %.63s, %.15s on %.63s",
                             all[0].version, all[0].name, all[i].version, all[i].name);
    return REEL_OK;
}

/* The lowest process that runs on the same machine as process i. */
static int first_on_machine(const host_hello *all, int i)
{
    int first = 0;
    while (strcmp(all[first].machine, all[i].machine) != 0)
        first++;
    return first;
}

/* The first process of each machine makes a window and the others open it; failed[i] receives the
 * errno of each process, 0 = it can share memory. */
static reel_status try_sharing(reel_comm *comm, const host_hello *all, int32_t *failed,
                               reel_error *err)
{
    const int leader = first_on_machine(all, comm->rank);
    const bool leads = leader == comm->rank;
    reel_window window = {.file = -1};
    int32_t *files = malloc((size_t)comm->ranks * sizeof *files);
    if (!files)
        return reel_comm_break_no_memory(comm, "a trial of shared memory", err);

    reel_status status;
    int32_t mine = 0;
    if (leads && reel_window_create(&window, trial_bytes, NULL) == REEL_OK)
        memcpy(window.memory, &all[comm->rank].process, sizeof(int32_t));
    mine = window.file;
    REEL_TRY_GOTO(
        reel_comm_gather(comm, &mine, sizeof mine, files, "a trial of shared memory", err), done);

    /* What is opened must be the leader's: its number may mean another process here. */
    mine = 0;
    if (!leads) {
        errno = 0;
        if (hosts_for_tests() == 0)
            mine = EACCES;
        else if (reel_window_join(&window, all[leader].process, files[leader], trial_bytes, NULL))
            mine = errno ? errno : EIO;
        else if (memcmp(window.memory, &all[leader].process, sizeof(int32_t)) != 0)
            mine = ESRCH;
    }
    REEL_TRY_GOTO(
        reel_comm_gather(comm, &mine, sizeof mine, failed, "the result of shared memory", err),
        done);
done:
    reel_window_free(&window);
    free(files);
    return status;
}

/* Each process whose machine has one that cannot share memory becomes a machine of its own. */
static void separate_machines(reel_comm *comm, host_hello *all, const int32_t *failed)
{
    for (int i = 0; i < comm->ranks; i++) {
        if (!failed[i])
            continue;
        char machine[sizeof all[i].machine];
        memcpy(machine, all[i].machine, sizeof machine);
        if (!comm->note[0])
            snprintf(comm->note, sizeof comm->note,
                     "ranks on %s cannot share memory (%s): each holds its own weights, and they "
                     "exchange messages",
                     all[i].name, strerror(failed[i]));
        for (int k = 0; k < comm->ranks; k++)
            if (strcmp(all[k].machine, machine) == 0)
                snprintf(all[k].machine, sizeof all[k].machine, "process %d", k);
    }
}

/* Ranks in the order of their machines, and these in the order of their first process. */
static void number_ranks(reel_comm *comm, const host_hello *all)
{
    const int own = comm->rank;
    int rank = 0;
    comm->hosts = 0;
    for (int leader = 0; leader < comm->ranks; leader++) {
        if (first_on_machine(all, leader) != leader)
            continue;
        comm->first[comm->hosts] = rank;
        for (int i = leader; i < comm->ranks; i++) {
            if (first_on_machine(all, i) != leader)
                continue;
            reel_peer *peer = &comm->peers[rank];
            *peer = (reel_peer){.host = comm->hosts, .address = i, .process = all[i].process};
            snprintf(peer->host_name, sizeof peer->host_name, "%s", all[i].name);
            if (i == own)
                comm->rank = rank;
            rank++;
        }
        comm->hosts++;
    }
    comm->first[comm->hosts] = rank;
}

reel_status reel_comm_find_hosts(reel_comm *comm, reel_error *err)
{
    host_hello *all = calloc((size_t)comm->ranks, sizeof *all);
    int32_t *failed = calloc((size_t)comm->ranks, sizeof *failed);
    reel_status status = REEL_OK;
    if (!all || !failed)
        status = reel_comm_break_no_memory(comm, "names of hosts", err);
    REEL_TRY_GOTO(status, done);

    const host_hello mine = say_hello(comm);
    REEL_TRY_GOTO(reel_comm_gather(comm, &mine, sizeof mine, all, "names of hosts", err), done);
    REEL_TRY_GOTO(compare_versions(all, comm, err), done);
    REEL_TRY_GOTO(try_sharing(comm, all, failed, err), done);
    separate_machines(comm, all, failed);
    number_ranks(comm, all);

    /* Between hosts that are only pretended no link can be down. */
    const int pretended = hosts_for_tests();
    const bool split = pretended > 1 || pretended < -1;
    if (comm->hosts > 1 && !split && comm->timeout < shortest_between_hosts)
        comm->timeout = shortest_between_hosts;
done:
    free(all);
    free(failed);
    return status;
}
