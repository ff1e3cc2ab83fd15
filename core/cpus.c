/* How many CPUs this process may use: those of its affinity mask, and not more than its control
 * group's quota pays for. And OpenMP's threads in a host program that binds them or forks. */
#include "core/cpus.h"

#include "core/cgroup.h"
#include "core/ctx_internal.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

/* The first number of a file, or -1; a second one goes to *second. */
static double number_in(const char *folder, const char *name, double *second)
{
    char path[2 * PATH_MAX];
    double first = -1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (!f)
        return -1;
    if (fscanf(f, "%lf %lf", &first, second) < 1)
        first = -1; /* "max" */
    fclose(f);
    return first;
}

/* The quota of one group in CPUs; infinity where it has none. */
static double quota_of(const char *folder)
{
    double period = 0;
    double quota = number_in(folder, "cpu.max", &period);
    if (quota < 0) {
        quota = number_in(folder, "cpu.cfs_quota_us", &period);
        period = number_in(folder, "cpu.cfs_period_us", &(double){0});
    }
    return quota > 0 && period > 0 ? quota / period : INFINITY;
}

int reel_cgroup_cpus(const char *membership, const char *mount)
{
    const double smallest = reel_cgroup_least(membership, mount, "cpu", quota_of);
    return smallest < INT_MAX ? (int)ceil(smallest) : 0;
}

/* Processes that a launcher started on this host, this one included: as mpirun of Open MPI and
 * Hydra (MPICH, Intel MPI) tell each of them. */
static int processes_here(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"};
    for (int i = 0; i < REEL_COUNT(names); i++) {
        const char *value = getenv(names[i]);
        const long count = value ? strtol(value, NULL, 10) : 0;
        if (count > 0 && count <= INT_MAX)
            return (int)count;
    }
    return 1;
}

int reel_share_of_cpus(int mask, int all, int quota, int processes, bool bound)
{
    /* A bound process has its CPUs to itself, or shares them with some of the others: which ones,
     * nobody says. An equal share of the whole host is never too much then. */
    int shared = bound && all > mask ? all : mask;
    if (quota > 0 && quota < shared)
        shared = quota;
    const int share = shared / (processes > 0 ? processes : 1);
    const int cpus = share < mask ? share : mask;
    return cpus > 0 ? cpus : 1;
}

int reel_available_cpus(void)
{
    /* Not sched_getaffinity: with OMP_PROC_BIND the calling thread is bound to one CPU by now, the
     * process is not. */
    const int mask = omp_get_num_procs();
    const int quota = reel_cgroup_cpus("/proc/self/cgroup", "/sys/fs/cgroup");
    const bool bound = getenv("OMPI_MCA_orte_bound_at_launch") != NULL;
    return reel_share_of_cpus(mask, (int)sysconf(_SC_NPROCESSORS_ONLN), quota, processes_here(),
                              bound);
}

void reel_unbind_thread(void)
{
    const int places = omp_get_proc_bind() == omp_proc_bind_false ? 0 : omp_get_num_places();
    cpu_set_t all;
    CPU_ZERO(&all);
    for (int i = 0; i < places; i++) {
        const int n = omp_get_place_num_procs(i);
        int *ids = malloc((size_t)(n > 0 ? n : 1) * sizeof *ids);
        if (ids && n > 0)
            omp_get_place_proc_ids(i, ids);
        for (int k = 0; ids && k < n; k++)
            if (ids[k] >= 0 && ids[k] < CPU_SETSIZE)
                CPU_SET(ids[k], &all);
        free(ids);
    }
    if (CPU_COUNT(&all) > 0)
        sched_setaffinity(0, sizeof all, &all); /* refused: it stays where it is */
}

static void release_threads(void)
{
#ifndef __clang__ /* LLVM's library sees to forks itself, and its soft pause ends no thread */
    omp_pause_resource_all(omp_pause_soft);
#endif
}

void reel_release_idle_threads(void)
{
    const char *policy = getenv("OMP_WAIT_POLICY");
    if (getenv("GOMP_SPINCOUNT") || (policy && strcasecmp(policy, "passive") == 0))
        return;
    release_threads();
}

/* A child has the forking thread alone. GCC's library would wait in it for the threads that the
 * parent has, for ever: so they end before the fork, and both processes start others. */
__attribute__((constructor)) static void prepare_for_fork(void)
{
    pthread_atfork(release_threads, NULL, NULL);
}
