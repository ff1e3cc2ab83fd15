/* Samples that are files below a folder: image folders, lists, flat validation folders.
 *
 * One pool of paths relative to the root; a sample is an offset into it and a label. Nothing is
 * opened before its turn comes: a file that cannot be read is the loader's to replace. */
#include "data/sources/common/files.h"
#include "core/system_error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/bytes_internal.h"

static const reel_file *file_at(const void *self, int64_t index)
{
    return (const reel_file *)((const reel_files *)self)->samples.items + index;
}

static const char *path_at(const void *self, int64_t index)
{
    return ((const reel_files *)self)->paths.text + file_at(self, index)->path;
}

int64_t reel_files_size(const void *self)
{
    return (int64_t)((const reel_files *)self)->samples.n;
}

int64_t reel_files_label(const void *self, int64_t index)
{
    return file_at(self, index)->label;
}

int64_t reel_files_hidden(const void *self)
{
    return ((const reel_files *)self)->hidden;
}

void reel_files_sample_name(const void *self, int64_t index, char *text, size_t size)
{
    reel_escape(text, size, path_at(self, index));
}

void reel_files_destroy(void *self)
{
    reel_files *f = self;
    if (!f)
        return;
    if (f->root >= 0)
        close(f->root);
    free(f->paths.text);
    free(f->samples.items);
    free(f);
}

/* Appends the file; the size that fstat tells may be wrong by the time it is read. */
static reel_status read_all(int file, reel_bytes *bytes, reel_error *err)
{
    struct stat info;
    if (fstat(file, &info) != 0)
        return reel_fail_system(err, errno, "cannot look at the file");
    if (!S_ISREG(info.st_mode))
        return reel_fail(err, REEL_ERR_IO, "expected a regular file, got another kind");
    if ((uint64_t)info.st_size > REEL_MAX_FILE)
        return reel_fail(err, REEL_ERR_FORMAT, "file of %" PRId64 " bytes, expected at most %zu",
                         (int64_t)info.st_size, REEL_MAX_FILE);

    size_t room = (size_t)info.st_size + 1; /* one more, to see the end without another call */
    for (;;) {
        REEL_TRY(reel_bytes_reserve(bytes, room, err));
        const ssize_t got = read(file, bytes->data + bytes->size, room - bytes->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return reel_fail_system(err, errno, "cannot read");
        if (got == 0)
            return REEL_OK;
        bytes->size += (size_t)got;
        if (bytes->size > REEL_MAX_FILE)
            return reel_fail(err, REEL_ERR_FORMAT, "file grows beyond %zu bytes", REEL_MAX_FILE);
        if (bytes->size == room)
            room += room / 2 + 4096; /* it has grown since fstat */
    }
}

reel_status reel_files_sample(const void *self, int64_t index, reel_bytes *bytes, reel_error *err)
{
    const reel_files *f = self;
    /* Without O_NONBLOCK a named pipe called x.jpg would wait for a writer for ever. */
    const int file = reel_open_patiently(f->root, path_at(f, index),
                                         O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return reel_fail_system(err, errno, "cannot open");
    const reel_status status = read_all(file, bytes, err);
    close(file);
    return status;
}

reel_status reel_files_open(reel_files **out, const char *root, reel_error *err)
{
    reel_files *f = *out = calloc(1, sizeof *f);
    if (!f)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory to list the image folder");
    f->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->root >= 0)
        return REEL_OK;
    const int reason = errno; /* before other calls change it */
    free(f);
    *out = NULL;
    char shown[250]; /* leaves room for the reason in err's line */
    reel_escape(shown, sizeof shown, root);
    return reel_fail_system(err, reason, "cannot open the image folder %s", shown);
}

reel_status reel_files_add(reel_files *f, const char *path, size_t length, int64_t label,
                           reel_error *err)
{
    size_t at;
    REEL_TRY(reel_pool_add(&f->paths, path, length, &at, err));
    reel_file *s = reel_list_add(&f->samples, sizeof *s);
    if (!s)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the list of samples");
    *s = (reel_file){at, label};
    return REEL_OK;
}

static int by_path(const void *a, const void *b, void *paths)
{
    return strcmp((char *)paths + ((const reel_file *)a)->path,
                  (char *)paths + ((const reel_file *)b)->path);
}

void reel_files_sort(reel_files *f, size_t first)
{
    if (f->samples.n > first)
        qsort_r((reel_file *)f->samples.items + first, f->samples.n - first, sizeof(reel_file),
                by_path, f->paths.text);
}
