/* Preloaded into a program, lets the reading of files stall or fail: of those whose path ends with
 * REEL_READ_NAME.
 *
 *     LD_PRELOAD=libreel_slow_read.so REEL_READ_NAME=b/7.jpg REEL_READ_SECONDS=2 reel train ...
 *
 * REEL_READ_SECONDS  how long opening it takes; REEL_READ_ERROR  the errno with which a read of it
 * fails; REEL_READ_FROM  the first time, from 1, that either happens: before, the file is read as
 * it is. A file that appears when the stall begins is REEL_READ_BEGUN. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_long opened;
static atomic_int failing = -1;

static long number(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text ? atol(text) : otherwise;
}

static int is_meant(const char *path)
{
    const char *name = getenv("REEL_READ_NAME");
    const size_t n = name ? strlen(name) : 0, all = strlen(path);
    return n && all >= n && strcmp(path + all - n, name) == 0 &&
           ++opened >= number("REEL_READ_FROM", 1);
}

static void stall(void)
{
    const char *seconds = getenv("REEL_READ_SECONDS"), *begun = getenv("REEL_READ_BEGUN");
    if (!seconds)
        return;
    if (begun)
        close(open(begun, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    const double s = atof(seconds);
    nanosleep(&(struct timespec){(time_t)s, (long)(1e9 * (s - (double)(time_t)s))}, NULL);
}

int openat(int folder, const char *path, int flags, ...)
{
    static int (*real)(int, const char *, int, ...);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "openat");
    va_list args;
    va_start(args, flags);
    const int mode = flags & O_CREAT ? va_arg(args, int) : 0;
    va_end(args);
    const int meant = is_meant(path);
    if (meant)
        stall();
    const int file = real(folder, path, flags, mode);
    if (meant && getenv("REEL_READ_ERROR"))
        failing = file;
    return file;
}

ssize_t read(int file, void *to, size_t n)
{
    static ssize_t (*real)(int, void *, size_t);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "read");
    int expected = file;
    if (file >= 0 && atomic_compare_exchange_strong(&failing, &expected, -1)) {
        errno = (int)number("REEL_READ_ERROR", EIO);
        return -1;
    }
    return real(file, to, n);
}
