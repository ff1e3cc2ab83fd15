/* Reading an image's bytes: see image_file.h. */
#include "train/cli/image_file.h"

#include "core/system_error.h"
#include "train/cli/input_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { LARGEST_FILE = 1 << 30 };

reel_status reel_image_file_read(reel_bytes *bytes, const char *path, reel_error *err)
{
    FILE *f;
    struct stat info;
    REEL_TRY(reel_input_open(&f, path, err));
    if (fstat(fileno(f), &info) == 0 && S_ISREG(info.st_mode) && info.st_size > LARGEST_FILE) {
        fclose(f);
        return reel_fail(err, REEL_ERR_FORMAT, "%" PRId64 " bytes, which is too large for an image",
                         (int64_t)info.st_size);
    }

    bytes->size = 0;
    for (;;) {
        if (bytes->size == bytes->capacity) {
            /* The size of a pipe is not known before: the buffer doubles. */
            const size_t more = bytes->capacity ? 2 * bytes->capacity : 1 << 16;
            const bool fits = more <= LARGEST_FILE;
            uint8_t *data = fits ? realloc(bytes->data, more) : NULL;
            if (!data) {
                fclose(f);
                return fits ? reel_fail(err, REEL_ERR_MEMORY, "no memory for %zu bytes", more)
                            : reel_fail(err, REEL_ERR_FORMAT, "too large");
            }
            bytes->data = data;
            bytes->capacity = more;
        }
        const size_t got = fread(bytes->data + bytes->size, 1, bytes->capacity - bytes->size, f);
        if (got == 0)
            break;
        bytes->size += got;
    }

    const int failed = ferror(f) ? errno : 0;
    fclose(f);
    return failed ? reel_fail_system(err, failed, "cannot be read") : REEL_OK;
}

reel_status reel_image_file_check(const char *path, reel_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
        return REEL_OK; /* what is not there is named when it is opened */
    return reel_fail(err, REEL_ERR_IO, "expected a file, found a %s",
                     S_ISDIR(st.st_mode) ? "folder" : "device or pipe");
}
