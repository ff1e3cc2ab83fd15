/* Files that gzip may have packed: what is packed is unpacked into an unnamed temporary file,
 * because gzip allows no random access. */
#include "data/sources/common/plain_file.h"
#include "core/system_error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "data/sources/common/gzip.h"
#include "data/sources/common/span.h"

static bool is_gzip(int file)
{
    uint8_t magic[2] = {0};
    return pread(file, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

size_t reel_read_head(const char *path, uint8_t *head, size_t size)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return 0;
    size_t got = 0;
    reel_gzip *gz = NULL;
    if (!is_gzip(file)) {
        const ssize_t n = pread(file, head, size, 0);
        got = n > 0 ? (size_t)n : 0;
    } else if (reel_gzip_open(&gz, file, NULL) == REEL_OK) {
        /* What comes before a damage is a head, too. */
        (void)reel_gzip_read(gz, head, size, &got, NULL);
        reel_gzip_close(gz);
    }
    close(file);
    return got;
}

static int unnamed_file(void)
{
    const char *folders[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
    for (int i = 0; i < 3; i++) {
        if (!folders[i] || !*folders[i])
            continue;

        /* Not every file system has files without a name: there one is made and its name removed.
         */
        int file = open(folders[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (file >= 0)
            return file;
        char path[4200];
        if (snprintf(path, sizeof path, "%s/reel-XXXXXX", folders[i]) >= (int)sizeof path)
            continue;
        file = mkostemp(path, O_CLOEXEC);
        if (file >= 0)
            unlink(path);
        if (file >= 0)
            return file;
    }
    return -1;
}

static reel_status write_unpacked(int to, const char *bytes, size_t size, reel_error *err)
{
    for (size_t done = 0; done < size;) {
        const ssize_t n = write(to, bytes + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return reel_fail_system(
                err, errno, "cannot unpack it into a temporary file ($TMPDIR); gunzip it first");
        done += (size_t)n;
    }
    return REEL_OK;
}

/* A few bytes of gzip can stand for a terabyte of zeros. Images hardly shrink when they are packed,
 * and idx files and lists to a tenth: what grows a hundredfold is refused as soon as it is large.
 * And a temporary file leaves room on its disk for others. */
enum { MOST_GROWTH = 100, GROWTH_IS_FREE = 256 << 20, CHECK_EVERY = 1 << 20 };

static reel_status check_unpacked(int packed, int to, uint64_t size, reel_error *err)
{
    struct stat info;
    if (size > GROWTH_IS_FREE && fstat(packed, &info) == 0 &&
        size / MOST_GROWTH > (uint64_t)info.st_size)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%" PRId64 " bytes unpack to more than %d times as many, %" PRIu64
                         " so far: refused as a decompression bomb; gunzip it first if it is none",
                         (int64_t)info.st_size, MOST_GROWTH, size);

    struct statvfs disk;
    if (fstatvfs(to, &disk) != 0 || disk.f_blocks == 0)
        return REEL_OK; /* a file system that does not tell: its writes do */
    const double unit = (double)disk.f_frsize, left = unit * (double)disk.f_bavail;
    const double kept = fmin(unit * (double)disk.f_blocks / 20, 1 << 30);
    if (left >= kept + CHECK_EVERY) /* which is written before the next look */
        return REEL_OK;
    return reel_fail(err, REEL_ERR_IO,
                     "unpacked into a temporary file ($TMPDIR), it would leave less than %.0f MB "
                     "free, %" PRIu64 " bytes so far; set TMPDIR, or gunzip it first",
                     kept * 1e-6, size);
}

/* Ends soon after `most` bytes, whose reader refuses what has more. */
static reel_status unpack_file(int packed, int to, uint64_t most, uint64_t *size, reel_error *err)
{
    enum { BLOCK = 1 << 18 };
    *size = 0;
    char *block = malloc(BLOCK);
    if (!block)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory to unpack it");
    reel_gzip *gz;
    reel_status status = reel_gzip_open(&gz, packed, err);
    for (size_t got = BLOCK; status == REEL_OK && got == BLOCK && *size <= most; *size += got) {
        status = reel_gzip_read(gz, block, BLOCK, &got, err);
        if (status == REEL_OK && *size % CHECK_EVERY == 0)
            status = check_unpacked(packed, to, *size, err);
        if (status == REEL_OK)
            status = write_unpacked(to, block, got, err);
    }
    reel_gzip_close(gz);
    free(block);
    return status;
}

/* Puts the descriptor of the unpacked file in place of the packed one. most: no more is unpacked
 * than shows that there is more. */
static reel_status replace_by_unpacked(int *file, uint64_t most, uint64_t *size, const char *path,
                                       reel_error *err)
{
    const int to = unnamed_file();
    if (to < 0)
        return reel_fail_system(err, errno, "%s: no temporary file ($TMPDIR) to unpack it into",
                                path);

    reel_error why = {0};
    const reel_status status = unpack_file(*file, to, most, size, &why);
    if (status != REEL_OK)
        reel_fail(err, status, "%.400s: %.500s", path, why.message);
    close(*file);
    *file = to;
    return status;
}

/* Unpacking ends, without an error, once there are more than `most` bytes. */
static reel_status open_plain(int *file, uint64_t most, uint64_t *size, const char *path,
                              reel_error *err)
{
    reel_status status = REEL_OK;
    struct stat info;
    *file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*file < 0 || fstat(*file, &info) != 0)
        status = reel_fail_system(err, errno, "%s: cannot be opened", path);
    else if (!S_ISREG(info.st_mode))
        status = reel_fail(err, REEL_ERR_IO, "%s: expected a regular file, got another kind", path);
    else if (is_gzip(*file))
        status = replace_by_unpacked(file, most, size, path, err);
    else
        *size = (uint64_t)info.st_size;

    if (status != REEL_OK && *file >= 0) {
        close(*file);
        *file = -1;
    }
    return status;
}

reel_status reel_open_plain(int *file, uint64_t *size, const char *path, reel_error *err)
{
    return open_plain(file, UINT64_MAX, size, path, err);
}

reel_status reel_read_plain(reel_bytes *bytes, const char *path, size_t most, reel_error *err)
{
    int file = -1;
    uint64_t size = 0;
    reel_status status = REEL_OK;
    REEL_TRY(open_plain(&file, most, &size, path, err));
    const reel_span span = {.file = file, .size = size};
    if (size > most)
        REEL_TRY_GOTO(reel_fail(err, REEL_ERR_FORMAT,
                                "%s: %" PRIu64 " bytes or more, expected at most %zu", path, size,
                                most),
                      done);

    REEL_TRY_GOTO(reel_bytes_reserve(bytes, (size_t)size + 1, err), done);
    REEL_TRY_GOTO(reel_span_read(&span, 0, bytes->data, (size_t)size, err), done);
    bytes->size = (size_t)size;
    bytes->data[size] = 0;
done:
    close(file);
    return status;
}
