/* OpenMP threads that wait for work spin before they sleep. By default GCC's library spins for
 * milliseconds, LLVM's for 200. A second program on the same cores, or the loader's workers, then
 * wait behind threads that do nothing. The kernels leave little to wait for between parallel
 * regions, so a short spin costs nothing.
 *
 * GCC's library has no call for this. It reads its environment when it is loaded, before any code
 * of the program: so the program executes itself again. It stays the same process: id, start time,
 * signals, files and arguments do not change. The second time the variable is set, and the program
 * goes on. */
#include "train/cli/wait_policy.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(feature) 0 /* clang's */
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* LLVM's library can be told. */
extern void kmp_set_blocktime(int milliseconds) __attribute__((weak));

void reel_wait_policy_choose(char **argv)
{
    static const char spins[] = "1000"; /* some microseconds */
    char path[PATH_MAX];
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY") || getenv("KMP_BLOCKTIME"))
        return;
    /* With bound threads, this thread is bound to its CPU by now, and the program would see no
     * other CPU after it has executed itself. */
    if (getenv("OMP_PROC_BIND") || getenv("OMP_PLACES") || getenv("GOMP_CPU_AFFINITY"))
        return;

    if (kmp_set_blocktime) {
        kmp_set_blocktime(0);
        return;
    }
    /* Tools such as valgrind work by LD_PRELOAD and do not follow an exec. */
    if (SANITIZED || getenv("LD_PRELOAD"))
        return;
    /* The file's own name, for `ps` and `pgrep`; /proc/self/exe itself would be called "exe". */

    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 1 || setenv("GOMP_SPINCOUNT", spins, 1) != 0)
        return;
    path[length] = '\0';
    execv(path, argv); /* comes back only where it fails: the program was deleted, say. Then it runs
                          as it is. */
    unsetenv("GOMP_SPINCOUNT");
}
