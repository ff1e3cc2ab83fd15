/* Reading gzip files: one stream or several behind each other. */
#ifndef REEL_DATA_SOURCES_COMMON_GZIP_H
#define REEL_DATA_SOURCES_COMMON_GZIP_H

#include <stddef.h>

#include "core/base.h"

typedef struct reel_gzip reel_gzip;

/* Reads from the current position of file, which stays the caller's. */
reel_status reel_gzip_open(reel_gzip **out, int file, reel_error *err);
void reel_gzip_close(reel_gzip *gz);

/* The next `size` unpacked bytes. *got < size: the file has ended, and was whole. After an error
 * *got bytes were unpacked. REEL_ERR_FORMAT: the file is damaged, or ends within a stream. */
reel_status reel_gzip_read(reel_gzip *gz, void *to, size_t size, size_t *got, reel_error *err);

#endif
