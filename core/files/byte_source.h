/* Bytes that can be read at any place: a file, or a piece of memory. Private to the readers of
 * weight files.
 *
 * A file is read, not mapped: one that shrinks, or a disk that fails, is then an error and not a
 * signal. */
#ifndef REEL_CORE_BYTE_SOURCE_H
#define REEL_CORE_BYTE_SOURCE_H

#include "core/base.h"

typedef struct reel_byte_source {
    int fd;                     /* -1: memory */
    const unsigned char *bytes; /* memory; borrowed */
    uint64_t size;
    const char *path; /* for messages; borrowed */
} reel_byte_source;

/* Opens a regular file. REEL_ERR_IO: cannot be opened, or is a folder, a device or a pipe (which
 * must not block). */
reel_status reel_byte_source_open(reel_byte_source *s, const char *path, reel_error *err);
void reel_byte_source_close(reel_byte_source *s);

/* bytes from position `at` on, all of them. REEL_ERR_FORMAT: they are not there, or no longer. */
reel_status reel_byte_source_read(const reel_byte_source *s, uint64_t at, void *into, size_t bytes,
                                  reel_error *err);

#endif
