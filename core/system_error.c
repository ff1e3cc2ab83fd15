/* errno as a status, its words and what to do about it. */
#include "core/system_error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* What to do about a resource that ran out; "" = the reason is none of these. */
static const char *advice_on(int reason, char *text, size_t size)
{
    struct rlimit most;
    text[0] = '\0';
    if (reason == EMFILE && getrlimit(RLIMIT_NOFILE, &most) == 0)
        snprintf(text, size, "; this process may open %" PRIu64 " files: raise it with ulimit -n",
                 (uint64_t)most.rlim_cur);
    else if (reason == EMFILE || reason == ENFILE)
        snprintf(text, size, "; the system's limit of open files is reached (fs.file-max)");
    else if (reason == ENOMEM)
        snprintf(text, size, "; free some memory, or raise its limit (ulimit -v, control group)");
    return text;
}

reel_status(reel_fail_system)(reel_error *err, int reason, const char *format, ...)
{
    char line[sizeof err->message], advice[120];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);

    advice_on(reason, advice, sizeof advice);
    const reel_status status = advice[0] ? REEL_ERR_MEMORY : REEL_ERR_IO;
    return reel_fail(err, status, "%.700s: %.100s%s", line, strerror(reason), advice);
}

int reel_open_patiently(int folder, const char *path, int flags)
{
    enum { MOST_TRIES = 10 }; /* 1 + 2 + 4 + ... + 512 ms at most */
    for (int try = 0;; try++) {
        const int file = openat(folder, path, flags);
        const bool scarce = file < 0 && (errno == EMFILE || errno == ENFILE);
        if (!scarce || try == MOST_TRIES)
            return file;
        const struct timespec pause = {.tv_nsec = 1000000L << try};
        nanosleep(&pause, NULL);
    }
}
