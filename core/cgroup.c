/* From a process's control groups to the least of their limits. */
#include "core/cgroup.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Over the group at mount/path and all above it. path is used up. */
static double least_upwards(const char *mount, char *path, double (*limit_of)(const char *folder))
{
    double least = INFINITY;
    for (;;) {
        char folder[2 * PATH_MAX + 1024];
        snprintf(folder, sizeof folder, "%s%s", mount, path);
        least = fmin(least, limit_of(folder));
        char *slash = strrchr(path, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

/* Version 1 lists controllers, "cpu,cpuacct"; version 2 has one group for all of them, and no list.
 */
static bool is_about(const char *controllers, const char *controller)
{
    if (!*controllers)
        return true;
    const size_t length = strlen(controller);
    for (const char *p = controllers; p; p = strchr(p, ',')) {
        if (*p == ',')
            p++;
        if (!strncmp(p, controller, length) && (p[length] == ',' || !p[length]))
            return true;
    }
    return false;
}

double reel_cgroup_least(const char *membership, const char *mount, const char *controller,
                         double (*limit_of)(const char *folder))
{
    char line[PATH_MAX + 256], below[PATH_MAX + 512];
    double least = limit_of(mount);
    FILE *f = fopen(membership, "r");

    /* "4:cpu,cpuacct:/a/b" (version 1), "0::/a/b" (version 2) */
    while (f && fgets(line, sizeof line, f)) {
        char *controllers = strchr(line, ':'),
             *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        if (!is_about(++controllers, controller))
            continue;

        /* Version 1 has a mount for each set of controllers: "cpu,cpuacct", and "cpu" as a link to
         * it. */
        snprintf(below, sizeof below, "%s%s%s", mount, *controllers ? "/" : "",
                 *controllers ? controller : "");
        least = fmin(least, least_upwards(below, path, limit_of));
    }
    if (f)
        fclose(f);
    return least;
}
