/* What a control group leaves, read from folders as version 1, version 2 and containers have them.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "train/run/memory_limit.h"

static char root[] = "/tmp/reel-memory-XXXXXX";

static void put(const char *path, const char *text)
{
    char file[400];
    snprintf(file, sizeof file, "%s/%s", root, path);
    for (char *p = file + strlen(root) + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(file, 0777);
            *p = '/';
        }
    FILE *f = fopen(file, "w");
    cr_assert(f, "%s", file);
    fputs(text, f);
    fclose(f);
}

static void begin(void)
{
    cr_assert(mkdtemp(root));
    put("proc/meminfo",
        "MemTotal:       49360000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\n");
}

static void end(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", root);
    cr_assert_eq(system(command), 0);
}

static void expect(double bytes, const char *by, const char *what)
{
    const char *whose;
    const double got = reel_memory_available(root, &whose);
    cr_expect_eq(got, bytes, "%s: expected %.0f bytes, got %.0f", what, bytes, got);
    cr_expect_not_null(strstr(whose, by), "%s: expected \"%s\", got: %s", what, by, whose);
}

Test(memory_limit, the_least_of_system_and_groups_counts_and_cache_does_not, .init = begin,
     .fini = end)
{
    expect(8000000.0 * 1024, "machine", "no groups");
    put("proc/self/cgroup", "0::/a/b\n");
    expect(8000000.0 * 1024, "machine", "groups that are not there");
    put("sys/fs/cgroup/a/b/memory.max", "max\n");
    put("sys/fs/cgroup/a/b/memory.current", "1000\n");
    expect(8000000.0 * 1024, "machine", "version 2 without a limit");
    put("sys/fs/cgroup/a/memory.max", "5000000000\n");
    put("sys/fs/cgroup/a/memory.current", "2000000000\n");
    put("sys/fs/cgroup/a/memory.stat", "anon 1500000000\ninactive_file 400000000\nactive_file 7\n");
    expect(3.4e9, "control group", "version 2, a limit above");
    put("sys/fs/cgroup/memory.max", "1000000000\n"); /* as a container sees its own group */
    put("sys/fs/cgroup/memory.current", "1100000000\n");
    expect(0, "control group", "version 2, used up");
    put("sys/fs/cgroup/memory.max", "max\n");
    put("proc/self/cgroup", "9:cpu,cpuacct:/x\n4:memory:/c/d\n1:name=systemd:/e\n");
    put("sys/fs/cgroup/memory/c/memory.limit_in_bytes", "700000000\n");
    put("sys/fs/cgroup/memory/c/memory.usage_in_bytes", "500000000\n");
    put("sys/fs/cgroup/memory/c/memory.stat", "cache 3\ntotal_inactive_file 100000000\n");
    put("sys/fs/cgroup/memory/c/d/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/memory/c/d/memory.usage_in_bytes", "5\n");
    expect(3e8, "control group", "version 1, a limit above");
    put("proc/self/status", "Name:\treel\nVmPeak:\t  300000 kB\nVmSize:\t  200000 kB\n");
    put("proc/self/limits", "Limit  Soft Limit  Hard Limit  Units\nMax address space         "
                            "unlimited            unlimited            bytes\n");
    expect(3e8, "control group", "no limit of address space");
    put("proc/self/limits",
        "Max stack size            8388608              unlimited            bytes\n"
        "Max address space         504800000            unlimited            bytes\n");
    expect(150000000, "ulimit -v", "a limit of address space");
}
