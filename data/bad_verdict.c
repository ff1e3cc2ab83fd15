/* The limit for unreadable samples, and its message. */
#include "data/bad_verdict.h"

#include <inttypes.h>

reel_status reel_bad_verdict(int64_t bad, int64_t count, double max_bad, const char *name,
                             const char *reason, reel_error *err)
{
    if (bad <= 1 || (double)bad <= max_bad * (double)count)
        return REEL_OK;
    return reel_fail(
        err, REEL_ERR_BAD_DATA,
        "%" PRId64 " of %" PRId64
        " samples are unreadable, more than the %g %% allowed; the last: %.250s: %.450s",
        bad, count, 100.0 * max_bad, name, reason);
}
