/* Each rank tells which CPUs it may use: whether a launcher has bound the ranks, and to what,
 * cannot be told from one of them. */
#include "train/run/rank_threads.h"

#include "core/ctx.h"

#include <omp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* The CPUs of this process; none where they are not known: more than the set can hold, or OpenMP
 * has bound this thread to one of them. */
static cpu_set_t own_cpus(void)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0 || CPU_COUNT(&cpus) != omp_get_num_procs())
        CPU_ZERO(&cpus);
    return cpus;
}

/* Ranks may count as hosts of their own where they cannot share memory; they still share CPUs. */
static bool on_this_machine(const reel_comm *comm, int rank)
{
    const int own = reel_comm_rank(comm);
    return !strcmp(reel_comm_host_name(comm, rank), reel_comm_host_name(comm, own));
}

/* This rank's part of its CPUs: of a CPU that n ranks may use it has 1 / n. */
static double share_of_cpus(const reel_comm *comm, const cpu_set_t *all)
{
    const cpu_set_t *own = &all[reel_comm_rank(comm)];
    double share = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        int users = 0;
        for (int r = 0; CPU_ISSET(cpu, own) && r < reel_comm_ranks(comm); r++)
            users += on_this_machine(comm, r) && CPU_ISSET(cpu, &all[r]);
        if (users)
            share += 1.0 / users;
    }
    return share;
}

reel_status reel_rank_threads(int *threads, reel_comm *comm, int given, reel_error *err)
{
    const int available = reel_available_cpus(), ranks = reel_comm_ranks(comm);
    *threads = given ? given : available;
    if (given || ranks == 1)
        return REEL_OK;

    const cpu_set_t mine = own_cpus();
    cpu_set_t *all = calloc((size_t)ranks, sizeof *all);
    const reel_status lacks =
        all ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "CPUs of the ranks: out of memory");
    reel_status status = reel_comm_agree(comm, lacks, err, "memory for the CPUs of the ranks");
    if (status == REEL_OK)
        status = reel_comm_gather(comm, &mine, sizeof mine, all, "the CPUs of the ranks", err);
    if (status == REEL_OK) {
        int here = 0; /* ranks of this machine */
        for (int r = 0; r < ranks; r++)
            here += on_this_machine(comm, r);

        /* A control group's quota holds for all of them together; it names no CPUs. */
        const bool has_quota = available < omp_get_num_procs();
        double share = (double)available / here;
        if (CPU_COUNT(&mine) > 0 && !has_quota)
            share = share_of_cpus(comm, all);
        *threads = share >= 1 ? (int)(share + 1e-6) : 1;
    }
    free(all);
    return status;
}
