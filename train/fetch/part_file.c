/* The file of an unfinished download: locked, appended to, and summed up as it grows. */
#include "train/fetch/part_file.h"

#include "core/files/atomic_file.h"
#include "core/system_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static reel_status part_error(const reel_part *part, const char *what, reel_error *err)
{
    return reel_fail_system(err, errno, "%s: cannot be %s", part->path, what);
}

/* ---- opening ---- */
static reel_status open_fd(reel_part *part, int more_flags, reel_error *err)
{
    struct stat st;
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    part->fd = open(part->path, flags | more_flags, 0666);
    if (part->fd < 0)
        return part_error(part, "written", err);
    if (fstat(part->fd, &st) == 0 && S_ISREG(st.st_mode))
        return REEL_OK;
    close(part->fd);
    part->fd = -1;
    return reel_fail(err, REEL_ERR_IO, "%s: expected a file", part->path);
}

static bool still_has_name(const reel_part *part)
{
    struct stat opened, named;
    return fstat(part->fd, &opened) == 0 && lstat(part->path, &named) == 0 &&
           opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

typedef enum { LOCK_TAKEN, LOCK_HELD_BY_OTHER, LOCK_UNKNOWN_HERE } lock_answer;

static lock_answer try_lock(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) == 0)
        return LOCK_TAKEN;
    return errno == EACCES || errno == EAGAIN ? LOCK_HELD_BY_OTHER : LOCK_UNKNOWN_HERE;
}

/* Opens the file until it is locked and still has its name: who held it before may have renamed or
 * removed it. */
static reel_status open_locked(reel_part *part, const reel_part_wait *wait, reel_error *err)
{
    const struct timespec a_while = {.tv_nsec = 100000000};
    bool told = false;
    for (;;) {
        REEL_TRY(open_fd(part, 0, err));
        const lock_answer answer = try_lock(part->fd);
        if (answer == LOCK_TAKEN && still_has_name(part))
            return REEL_OK;
        struct stat st;
        const bool empty = fstat(part->fd, &st) == 0 && st.st_size == 0;
        close(part->fd);
        part->fd = -1;

        /* A file system without locks: a file of one's own, from its beginning. */
        if (answer == LOCK_UNKNOWN_HERE) {
            if (empty)
                unlink(part->path);
            const size_t used = strlen(part->path);
            snprintf(part->path + used, sizeof part->path - used, ".%ld", (long)getpid());
            part->own = true;
            return open_fd(part, O_TRUNC, err);
        }
        if (answer == LOCK_HELD_BY_OTHER) {
            if (!told)
                wait->waiting(wait->user);
            told = true;
            if (wait->stop(wait->user))
                return reel_fail(err, REEL_ERR_STOPPED, "interrupted");
            nanosleep(&a_while, NULL);
        }
    }
}

reel_status reel_part_open(reel_part *part, const char *final, int64_t most,
                           const reel_part_wait *wait, reel_error *err)
{
    *part = (reel_part){.fd = -1};
    if (snprintf(part->path, sizeof part->path, "%s.part", final) >= (int)sizeof part->path - 24)
        return reel_fail(err, REEL_ERR_INVALID, "%.200s...: the path is too long", final);
    REEL_TRY(open_locked(part, wait, err));

    struct stat st;
    reel_status status = REEL_OK;
    reel_sha256_begin(&part->sum);
    if (fstat(part->fd, &st) == 0 && st.st_size > most)
        status = reel_part_empty(part, err);
    if (status == REEL_OK)
        status = reel_sha256_add_file(&part->sum, part->fd, part->path, err);
    part->size = (int64_t)part->sum.bytes;
    if (status != REEL_OK)
        reel_part_close(part, true);
    return status;
}

/* ---- its bytes ---- */
reel_status reel_part_append(reel_part *part, const void *bytes, size_t size, reel_error *err)
{
    const char *at = bytes;
    while (size > 0) {
        const ssize_t done = pwrite(part->fd, at, size, part->size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return part_error(part, "written", err);
        reel_sha256_add(&part->sum, at, (size_t)done);
        part->size += done;
        at += done;
        size -= (size_t)done;
    }
    return REEL_OK;
}

reel_status reel_part_empty(reel_part *part, reel_error *err)
{
    reel_sha256_begin(&part->sum);
    part->size = 0;
    return ftruncate(part->fd, 0) == 0 ? REEL_OK : part_error(part, "emptied", err);
}

/* ---- its end ---- */
reel_status reel_part_finish(reel_part *part, const char *final, reel_error *err)
{
    if (fsync(part->fd) != 0)
        return part_error(part, "flushed to disk", err);
    REEL_TRY(reel_atomic_rename(part->path, final, err));
    close(part->fd);
    part->fd = -1;
    return REEL_OK;
}

void reel_part_close(reel_part *part, bool keep)
{
    if (part->fd < 0)
        return;
    /* Before the lock ends: afterwards the name may be another process's file. */
    if (!keep || part->own || part->size == 0)
        unlink(part->path);
    close(part->fd);
    part->fd = -1;
}
