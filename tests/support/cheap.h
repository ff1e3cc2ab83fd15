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

/* Reads the file in a process of its own, which ends with 0 where it was refused with `word` and
 * stayed within 100 ms of processor time and 64 MB in all. */
static inline int read_in_child(const char *path, const char *word)
{
    reel_error err = {0};
    reel_weights *weights = NULL;
    struct timespec begin, end;
    struct rusage usage;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    const reel_status status = reel_weights_read(&weights, path, &err);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    getrusage(RUSAGE_SELF, &usage);
    const double seconds =
        (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    if (status != REEL_ERR_FORMAT || !strstr(err.message, word))
        return fprintf(stderr, "expected \"%s\", got status %d: %s\n", word, status, err.message),
               1;
#if !BUILT_WITH_SANITIZER && BUILT_OPTIMISED
    const bool slow = seconds >= 0.1, large = usage.ru_maxrss >= 64 << 10;
    if (slow || large)
        fprintf(stderr, "refusing took %.3f s and %ld kB: %s\n", seconds, usage.ru_maxrss,
                err.message);
    if (slow || large)
        return large ? 1 : TOOK_LONG;
#endif
    (void)seconds;
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
        if (child == 0)
            _exit(read_in_child(path, word));
        waitpid(child, &code, 0);
        if (!WIFEXITED(code) || WEXITSTATUS(code) != TOOK_LONG)
            break;
    }
    remove(path);
    cr_expect_eq(code, 0, "%s: see above", label);
}

#endif
