/* Temporary file, fsync, rename, fsync of the folder: the order that a power cut cannot break. */
#include "core/files/atomic_file.h"
#include "core/system_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static reel_status io_error(const reel_atomic_file *f, const char *what, reel_error *err)
{
    return reel_fail_system(err, errno, "%s: cannot be %s", f->path, what);
}

reel_status reel_atomic_open(reel_atomic_file *f, const char *path, reel_error *err)
{
    const char *slash = strrchr(path, '/');
    const size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    const size_t room = length + 64;
    struct stat st;
    *f = (reel_atomic_file){.fd = -1, .path = path};
    if (stat(path, &st) == 0 &&
        !S_ISREG(st.st_mode)) /* rename would put a file in the place of /dev/null */
        return reel_fail(err, REEL_ERR_IO, "%s: expected the name of a file, found a %s", path,
                         S_ISDIR(st.st_mode) ? "folder" : "device or pipe");

    f->folder = slash ? strndup(path, length) : strdup(".");
    f->temporary = malloc(room);
    if (!f->folder || !f->temporary) {
        reel_atomic_close(f, REEL_ERR_MEMORY, NULL);
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", path);
    }

    for (int n = 0; f->fd < 0 && n < 10000; n++) {
        snprintf(f->temporary, room, "%.*s.reel-%ld-%d.tmp", (int)length, path, (long)getpid(), n);
        f->fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (f->fd < 0 && errno != EEXIST)
            break;
    }

    if (f->fd >= 0)
        return REEL_OK;
    const reel_status status = io_error(f, "created", err);
    return reel_atomic_close(f, status, NULL);
}

reel_status reel_atomic_put(reel_atomic_file *f, const void *bytes, size_t size, reel_error *err)
{
    const char *at = bytes;
    while (size > 0) {
        const ssize_t done = write(f->fd, at, size < (size_t)1 << 30 ? size : (size_t)1 << 30);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return io_error(f, "written", err);
        at += done;
        size -= (size_t)done;
    }
    return REEL_OK;
}

reel_status reel_atomic_rewind(reel_atomic_file *f, reel_error *err)
{
    return lseek(f->fd, 0, SEEK_SET) < 0 ? io_error(f, "written", err) : REEL_OK;
}

/* After this, a power cut finds the new name. Some file systems cannot do it to a folder and say
 * EINVAL: then it is as good as they are. */
static reel_status flush_folder(const reel_atomic_file *f, reel_error *err)
{
    const int fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return io_error(f, "flushed to disk (its folder)", err);
    const bool failed = fsync(fd) != 0 && errno != EINVAL && errno != EROFS;
    const reel_status status = failed ? io_error(f, "flushed to disk (its folder)", err) : REEL_OK;
    close(fd);
    return status;
}

reel_status reel_atomic_close(reel_atomic_file *f, reel_status status, reel_error *err)
{
    const bool created = f->fd >= 0;
    bool renamed = false;
    if (status == REEL_OK && fsync(f->fd) != 0)
        status = io_error(f, "flushed to disk", err);
    if (created && close(f->fd) != 0 && status == REEL_OK)
        status = io_error(f, "written", err);
    if (status == REEL_OK) {
        renamed = rename(f->temporary, f->path) == 0;
        status = renamed ? flush_folder(f, err) : io_error(f, "put in place", err);
    }
    if (created && !renamed)
        unlink(f->temporary);
    free(f->temporary);
    free(f->folder);
    *f = (reel_atomic_file){.fd = -1};
    return status;
}

reel_status reel_atomic_rename(const char *from, const char *to, reel_error *err)
{
    char folder[4200];
    const char *slash = strrchr(to, '/');
    if (snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - to) + 1 : 1,
                 slash ? to : ".") >= (int)sizeof folder)
        return reel_fail(err, REEL_ERR_INVALID, "%.100s...: the path is too long", to);
    const reel_atomic_file f = {.path = from, .folder = folder};
    return rename(from, to) == 0 ? flush_folder(&f, err) : io_error(&f, "renamed", err);
}

reel_status reel_atomic_write(const char *path, const void *bytes, size_t size, reel_error *err)
{
    reel_atomic_file f;
    REEL_TRY(reel_atomic_open(&f, path, err));
    return reel_atomic_close(&f, reel_atomic_put(&f, bytes, size, err), err);
}
