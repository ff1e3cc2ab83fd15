/* How many CPUs this process may use: those of its affinity mask, and not more than its control
 * group's quota pays for.
 *
 * A quota may stand on any group between the process's own and the root; a container often sees its
 * own group as the root while /proc names the path on the host, so a folder that is not there is
 * passed over and not an error. */
#include "core/ctx_internal.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

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

/* Over the group at mount/path and all above it. path is used up. */
static double smallest_quota(const char *mount, char *path)
{
    double smallest = INFINITY;
    for (;;) {
        char folder[2 * PATH_MAX - 64];
        snprintf(folder, sizeof folder, "%s%s", mount, path);
        smallest = fmin(smallest, quota_of(folder));
        char *slash = strrchr(path, '/');
        if (!slash)
            return smallest;
        *slash = '\0';
    }
}

/* "4:cpu,cpuacct:/a/b" (version 1) or "0::/a/b" (version 2): whether the line is about CPU time. */
static bool about_cpu(const char *controllers)
{
    if (!*controllers)
        return true;
    for (const char *p = controllers; p; p = strchr(p, ',')) {
        if (*p == ',')
            p++;
        if (!strncmp(p, "cpu", 3) && (p[3] == ',' || !p[3]))
            return true;
    }
    return false;
}

int reel_cgroup_cpus(const char *membership, const char *mount)
{
    char line[PATH_MAX + 256], below[PATH_MAX + 512];
    double smallest = quota_of(mount);
    FILE *f = fopen(membership, "r");

    while (f && fgets(line, sizeof line, f)) {
        char *controllers = strchr(line, ':'),
             *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        if (!about_cpu(++controllers))
            continue;
        /* Version 1 has a mount for each set of controllers: "cpu,cpuacct", and "cpu" as a link to
         * it. */
        snprintf(below, sizeof below, "%s%s%s", mount, *controllers ? "/" : "",
                 *controllers ? "cpu" : "");
        smallest = fmin(smallest, smallest_quota(below, path));
    }
    if (f)
        fclose(f);
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
