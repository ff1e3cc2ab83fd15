/* Reading gzip files, by inflate. zlib's gzread tells of a file that ends within a stream in one
 * version and not in another (1.3.2 does not). inflate promises it: a stream is whole when inflate
 * has returned Z_STREAM_END, and then its CRC-32 and length hold. */
#include "data/sources/common/gzip.h"
#include "core/system_error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum {
    INPUT = 1 << 16,
    ONLY_GZIP = 16 + MAX_WBITS, /* inflateInit2: a gzip header and trailer, and no zlib stream */
};

struct reel_gzip {
    z_stream z;
    int file;
    bool at_start; /* of a stream: nothing of it has been read yet */
    bool at_end;
    uint64_t total; /* unpacked bytes so far */
    uint8_t input[INPUT];
};

reel_status reel_gzip_open(reel_gzip **out, int file, reel_error *err)
{
    *out = NULL;
    reel_gzip *gz = calloc(1, sizeof *gz);
    if (!gz || inflateInit2(&gz->z, ONLY_GZIP) != Z_OK) {
        free(gz);
        return reel_fail(err, REEL_ERR_MEMORY, "no memory to unpack it");
    }
    gz->file = file;
    gz->at_start = true;
    *out = gz;
    return REEL_OK;
}

void reel_gzip_close(reel_gzip *gz)
{
    if (!gz)
        return;
    inflateEnd(&gz->z);
    free(gz);
}

/* Makes at least two bytes available, a stream's magic number, unless the file has fewer left. */
static reel_status fill_input(reel_gzip *gz, reel_error *err)
{
    z_stream *z = &gz->z;
    if (z->avail_in >= 2)
        return REEL_OK;
    if (z->avail_in > 0)
        memmove(gz->input, z->next_in, z->avail_in);
    z->next_in = gz->input;

    while (z->avail_in < 2) {
        const ssize_t n = read(gz->file, gz->input + z->avail_in, INPUT - z->avail_in);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return reel_fail_system(err, errno, "cannot read it");
        if (n == 0)
            break;
        z->avail_in += (uInt)n;
    }
    return REEL_OK;
}

/* At the start of a stream: does another one follow? Other bytes behind the last stream are
 * padding, as for gzip itself. */
static bool another_stream(const reel_gzip *gz)
{
    return gz->z.avail_in >= 2 && gz->z.next_in[0] == 0x1f && gz->z.next_in[1] == 0x8b;
}

static const char *reason_of(int code, const z_stream *z)
{
    if (code == Z_BUF_ERROR)
        return "it ends within a stream";
    if (code == Z_MEM_ERROR)
        return "no memory";
    return z->msg ? z->msg : "expected deflate data";
}

reel_status reel_gzip_read(reel_gzip *gz, void *to, size_t size, size_t *got, reel_error *err)
{
    z_stream *z = &gz->z;
    z->next_out = to;
    *got = 0;
    while (*got < size && !gz->at_end) {
        REEL_TRY(fill_input(gz, err));
        if (gz->at_start && !another_stream(gz)) {
            gz->at_end = true;
            break;
        }
        gz->at_start = false;

        const size_t room = size - *got;
        z->avail_out = room < (1u << 30) ? (uInt)room : 1u << 30;
        const uInt before = z->avail_out;
        const int code = inflate(z, Z_NO_FLUSH); /* Z_BUF_ERROR: no progress without more input */
        *got += before - z->avail_out;
        gz->total += before - z->avail_out;

        if (code == Z_STREAM_END) {
            gz->at_start = true;
            inflateReset(z);
        } else if (code != Z_OK) {
            const reel_status status = code == Z_MEM_ERROR ? REEL_ERR_MEMORY : REEL_ERR_FORMAT;
            return reel_fail(err, status, "damaged or cut gzip data after %" PRIu64 " bytes: %s",
                             gz->total, reason_of(code, z));
        }
    }
    return REEL_OK;
}
