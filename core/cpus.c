/* How many CPUs this process may use: those of its affinity mask, and not more than its control
 * group's quota pays for. */
#include "core/cgroup.h"
#include "core/ctx_internal.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>

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

int reel_available_cpus(void)
{
    /* Not sched_getaffinity: with OMP_PROC_BIND the calling thread is bound to one CPU by now, the
     * process is not. */
    int cpus = omp_get_num_procs();
    const int quota = reel_cgroup_cpus("/proc/self/cgroup", "/sys/fs/cgroup");
    if (quota > 0 && quota < cpus)
        cpus = quota;
    return cpus > 0 ? cpus : 1;
}
