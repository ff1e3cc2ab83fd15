/* New files under free names: see new_files.h. */
#include "train/cli/new_files.h"

#include "train/run/make_folders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_NAME = 255, LONGEST_EXTENSION = 20 };

/* ---- names ---- */

void reel_numbered_path(char *text, size_t size, const char *folder, const char *path, int number)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    if (dot && strlen(dot) > LONGEST_EXTENSION)
        dot = NULL;
    const int stem = dot && dot != name ? (int)(dot - name) : (int)strlen(name);
    const int room = LONGEST_NAME - (int)strlen(name + stem) - 8; /* for the number */
    if (number == 1)
        snprintf(text, size, "%s/%s", folder, name);
    else
        snprintf(text, size, "%s/%.*s-%d%s", folder, stem < room ? stem : room, name, number,
                 name + stem);
}

reel_status reel_new_folder(const char *path, reel_error *err)
{
    struct stat st;
    if (reel_make_folders(path, 1)) {
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            return REEL_OK;
        errno = EEXIST;
    }
    return reel_fail(err, REEL_ERR_IO, "%s: the folder cannot be created: %s", path,
                     strerror(errno));
}

/* ---- files ---- */

static reel_status file_error(const reel_new_files *f, const char *path, reel_error *err)
{
    return reel_fail(err, REEL_ERR_IO, "%s: %s cannot be written: %s", path, f->what,
                     strerror(errno));
}

reel_status reel_new_file_write(const reel_new_files *f, const char *path, const reel_bytes *bytes,
                                reel_error *err)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return file_error(f, path, err);
    size_t at = 0;
    while (at < bytes->size) {
        const ssize_t n = write(fd, bytes->data + at, bytes->size - at);
        if (n >= 0)
            at += (size_t)n;
        else if (errno != EINTR)
            break;
    }

    /* What could not be written to its end does not stay; errno is kept over close and unlink. */
    int failed = at < bytes->size ? errno : 0;
    if (close(fd) != 0 && !failed)
        failed = errno;
    if (!failed)
        return REEL_OK;
    unlink(path);
    errno = failed;
    return file_error(f, path, err);
}

reel_status reel_new_file_link(const reel_new_files *f, const char *temporary, const char *to,
                               const reel_bytes *bytes, bool *taken, reel_error *err)
{
    struct stat st;
    *taken = lstat(to, &st) == 0;
    if (*taken)
        return REEL_OK;
    if (f->root)
        REEL_TRY(reel_written_list_add(f->root, to + strlen(f->root) + 1, bytes, err));
    if (link(temporary, to) == 0)
        return REEL_OK;
    if (errno == EEXIST) {
        *taken = true;
        return REEL_OK;
    }
    /* File systems such as FAT have no links. */
    if (errno != EPERM && errno != ENOTSUP && errno != ENOSYS && errno != EMLINK)
        return file_error(f, to, err);
    const reel_status status = reel_new_file_write(f, to, bytes, err);
    *taken = status != REEL_OK && errno == EEXIST;
    return *taken ? REEL_OK : status;
}

/* ---- what was written ---- */

reel_status reel_new_files_add(reel_new_files *f, const char *path, reel_error *err)
{
    struct stat st;
    if (f->n == f->capacity) {
        const int64_t more = f->capacity ? 2 * f->capacity : 64;
        uint64_t *made = realloc(f->made, (size_t)more * sizeof *made);
        if (!made)
            return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", path);
        f->made = made;
        f->capacity = more;
    }
    f->made[f->n++] = lstat(path, &st) == 0 ? (uint64_t)st.st_ino : 0;
    return REEL_OK;
}

bool reel_new_files_hold(const reel_new_files *f, uint64_t inode)
{
    bool held = false;
    for (int64_t i = 0; i < f->n && !held; i++)
        held = f->made[i] == inode;
    return held;
}

void reel_new_files_free(reel_new_files *f)
{
    free(f->made);
    *f = (reel_new_files){0};
}
