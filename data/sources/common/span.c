/* Bytes of a file or of memory, read with their bounds checked. Memory is what fuzzers and tests
 * hand over. */
#include "data/sources/common/span.h"
#include "core/system_error.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

reel_status reel_span_read(const reel_span *span, uint64_t offset, void *to, size_t n,
                           reel_error *err)
{
    if (offset > span->size || n > span->size - offset)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%zu bytes at %" PRIu64 " reach beyond the end at %" PRIu64, n, offset,
                         span->size);
    if (span->memory) {
        memcpy(to, span->memory + offset, n);
        return REEL_OK;
    }

    /* A read may come in parts. */
    for (size_t done = 0; done < n;) {
        const ssize_t got =
            pread(span->file, (uint8_t *)to + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return reel_fail_system(err, errno, "cannot read");
        if (got == 0)
            return reel_fail(err, REEL_ERR_IO, "the file has become shorter: it ends at %" PRIu64,
                             offset + done);
        done += (size_t)got;
    }
    return REEL_OK;
}
