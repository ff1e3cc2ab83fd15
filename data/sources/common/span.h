/* Bytes of a file or of memory. */
#ifndef REEL_DATA_SOURCES_COMMON_SPAN_H
#define REEL_DATA_SOURCES_COMMON_SPAN_H

#include "core/base.h"

typedef struct reel_span {
    int file;
    const uint8_t *memory; /* NULL: the file's */
    uint64_t size;
} reel_span;

/* n bytes from offset on. REEL_ERR_FORMAT: beyond the end; REEL_ERR_IO. May be called by several
 * threads at the same time. */
reel_status reel_span_read(const reel_span *span, uint64_t offset, void *to, size_t n,
                           reel_error *err);

#endif
