/* The limit for unreadable samples, and its message. */
#include "data/bad_verdict.h"

#include <inttypes.h>

int64_t reel_bad_allowed(int64_t count, double max_bad)
{
    enum { FEW = 5, TENTH = 10 };
    const int64_t tenth = count / TENTH, few = tenth < FEW ? tenth : FEW;
    int64_t allowed = (int64_t)(max_bad * (double)count);
    if (max_bad > 0 && allowed < few)
        allowed = few;
    return allowed < 1 ? 1 : allowed;
}

reel_status reel_bad_verdict(int64_t bad, int64_t count, double max_bad, const char *name,
                             const char *reason, reel_error *err)
{
    const int64_t allowed = reel_bad_allowed(count, max_bad);
    if (bad <= allowed)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_BAD_DATA,
                     "%" PRId64 " of %" PRId64 " samples are unreadable, more than the %" PRId64
                     " allowed; the last: %.250s: %.450s",
                     bad, count, allowed, name, reason);
}
