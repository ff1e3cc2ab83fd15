/* Files that gzip may have packed, read as if it had not. */
#ifndef REEL_DATA_SOURCES_COMMON_PLAIN_FILE_H
#define REEL_DATA_SOURCES_COMMON_PLAIN_FILE_H

#include "data/bytes_internal.h"

/* The first bytes, unpacked; returns how many. */
size_t reel_read_head(const char *path, uint8_t *head, size_t size);

/* Opens a regular file for reading. What gzip packed is unpacked into an unnamed temporary file
 * ($TMPDIR, /var/tmp). The descriptor is the caller's to close.
 * REEL_ERR_FORMAT: damaged, or beyond 256 MB it has more than 100 times the packed bytes.
 * REEL_ERR_IO: cannot be opened, or the temporary file would leave less than 5 % of its disk, or
 * 1 GB where that is less. */
reel_status reel_open_plain(int *file, uint64_t *size, const char *path, reel_error *err);

/* A whole file, unpacked, of at most `most` bytes; a 0 byte follows the last. REEL_ERR_FORMAT: it
 * is larger, or damaged. */
reel_status reel_read_plain(reel_bytes *bytes, const char *path, size_t most, reel_error *err);

#endif
