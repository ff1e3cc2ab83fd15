/* Idx files from memory, for tests and fuzzers. */
#ifndef REEL_DATA_SOURCES_IDX_H
#define REEL_DATA_SOURCES_IDX_H

#include "data/sources/common/opened.h"
#include "data/sources/common/span.h"

/* A pair of files' bytes, which must stay. After a failure there is nothing to free. */
reel_status reel_idx_memory(reel_opened *out, const reel_span *images, const reel_span *labels,
                            const char *name, reel_error *err);

#endif
