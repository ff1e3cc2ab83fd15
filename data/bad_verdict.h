/* Whether the unreadable samples of a dataset are too many. The loader asks as it meets them;
 * where several processes share a dataset, whoever puts their findings together asks again. */
#ifndef REEL_DATA_BAD_VERDICT_H
#define REEL_DATA_BAD_VERDICT_H

#include "core/base.h"

/* bad: distinct unreadable samples so far, of count; name, reason: of the last one. One always may
 * be unreadable. REEL_ERR_BAD_DATA: they are more than the share max_bad. */
reel_status reel_bad_verdict(int64_t bad, int64_t count, double max_bad, const char *name,
                             const char *reason, reel_error *err);

#endif
