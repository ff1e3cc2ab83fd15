/* Reading at a place. pread keeps no position, so readers cannot disturb each other. */
#include "core/files/byte_source.h"
#include "core/system_error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

reel_status reel_byte_source_open(reel_byte_source *s, const char *path, reel_error *err)
{
    struct stat info;
    *s = (reel_byte_source){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK),
                            .path = path}; /* the name may be a pipe's */
    if (s->fd < 0 || fstat(s->fd, &info) != 0) {
        const int reason = errno;
        reel_byte_source_close(s);
        return reel_fail_system(err, reason, "%s: cannot be opened", path);
    }
    if (!S_ISREG(info.st_mode)) {
        reel_byte_source_close(s);
        return reel_fail(err, REEL_ERR_IO, "%s: expected a file, got %s", path,
                         S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe");
    }
    s->size = (uint64_t)info.st_size;
    return REEL_OK;
}

void reel_byte_source_close(reel_byte_source *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

reel_status reel_byte_source_read(const reel_byte_source *s, uint64_t at, void *into, size_t bytes,
                                  reel_error *err)
{
    if (at > s->size || bytes > s->size - at)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: expected %zu bytes at %llu, got a file of %llu: it is cut short",
                         s->path, bytes, (unsigned long long)at, (unsigned long long)s->size);
    if (bytes == 0)
        return REEL_OK;

    if (s->fd < 0) {
        memcpy(into, s->bytes + at, bytes);
        return REEL_OK;
    }

    /* Linux reads less than 2 GiB in one call. */
    char *to = into;
    while (bytes > 0) {
        const ssize_t got =
            pread(s->fd, to, bytes < (size_t)1 << 30 ? bytes : (size_t)1 << 30, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return reel_fail_system(err, errno, "%s: cannot be read", s->path);
        if (got == 0)
            return reel_fail(err, REEL_ERR_FORMAT,
                             "%s: expected %llu bytes, got %llu: it shrank while it was being read",
                             s->path, (unsigned long long)s->size, (unsigned long long)at);
        to += got;
        bytes -= (size_t)got;
        at += (uint64_t)got;
    }
    return REEL_OK;
}
