/* Whether the unreadable samples of a dataset are too many. The loader asks as it meets them;
 * where several processes share a dataset, whoever puts their findings together asks again. */
#ifndef REEL_DATA_BAD_VERDICT_H
#define REEL_DATA_BAD_VERDICT_H

#include "core/base.h"

/* How many of `count` samples may be unreadable: the largest of
 *
 *     max_bad count        the share that the user allows
 *     min(5, count / 10)   a share says little of a small folder; none where max_bad is 0
 *     1                    always */
int64_t reel_bad_allowed(int64_t count, double max_bad);

/* bad: distinct unreadable samples so far, of count; name, reason: of the last one.
 * REEL_ERR_BAD_DATA: they are more than reel_bad_allowed. */
reel_status reel_bad_verdict(int64_t bad, int64_t count, double max_bad, const char *name,
                             const char *reason, reel_error *err);

#endif
