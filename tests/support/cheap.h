/* What it costs to refuse a weight file: less than 100 ms and 64 MB, whatever it holds. */
#ifndef REEL_TESTS_SUPPORT_CHEAP_H
#define REEL_TESTS_SUPPORT_CHEAP_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/files/weights.h"
#include "tests/support/built_as.h"

enum { TOOK_LONG = 2, TRIES = 5 };

static inline double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* How much slower this processor is than one of 4.5 GHz, for which the bound of 100 ms is meant: by
 * the time of a chain of ten million multiplications and additions (four cycles each). At least 1.
 */
static inline double slowness(void)
{
    const double begin = cpu_seconds();
    volatile uint64_t keep;
    uint64_t x = 3;
    for (int i = 0; i < 10000000; i++)
        x = x * 6364136223846793005u + 1;
    keep = x;
    (void)keep;
    const double factor = (cpu_seconds() - begin) / (4 * 10000000 / 4.5e9);
    return factor > 1 ? factor : 1;
}

/* Reads the file in a process of its own, which ends with 0 where it was refused with `word` and
 * stayed within 100 ms of processor time (see slowness) and 64 MB in all. */
static inline int read_in_child(const char *path, const char *word)
{
    reel_error err = {0};
    reel_weights *weights = NULL;
    struct rusage usage;
    const double allowed = 0.1 * slowness(), begin = cpu_seconds();
    const reel_status status = reel_weights_read(&weights, path, &err);
    const double seconds = cpu_seconds() - begin;
    getrusage(RUSAGE_SELF, &usage);
    if (status != REEL_ERR_FORMAT || !strstr(err.message, word))
        return fprintf(stderr, "expected \"%s\", got status %d: %s\n", word, status, err.message),
               1;
#if !BUILT_WITH_SANITIZER && BUILT_OPTIMISED
    const bool slow = seconds >= allowed, large = usage.ru_maxrss >= 64 << 10;
    if (slow || large)
        fprintf(stderr, "refusing took %.3f s (allowed %.3f) and %ld kB: %s\n", seconds, allowed,
                usage.ru_maxrss, err.message);
    if (slow || large)
        return large ? 1 : TOOK_LONG;
#endif
    (void)seconds, (void)allowed;
    return 0;
}

/* Frees the bytes before it measures: a child begins with what its parent holds. */
static inline void expect_cheap(void *bytes, size_t size, const char *label, const char *word)
{
    char path[] = "/tmp/reel-cheap-XXXXXX";
    const int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
    free(bytes);
    int code = -1;
    for (int i = 0; i < TRIES;
         i++) { /* whoever else works here slows down the processor as well: the quickest counts */
        const pid_t child = fork();
        if (child == 0) {
            const int ended = read_in_child(path, word);
            keep_line_counts();
            _exit(ended);
        }
        waitpid(child, &code, 0);
        if (!WIFEXITED(code) || WEXITSTATUS(code) != TOOK_LONG)
            break;
    }
    remove(path);
    cr_expect_eq(code, 0, "%s: see above", label);
}

#endif
