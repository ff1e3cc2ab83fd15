/* Scratch memory and printable names: what every room of data/ uses. */
#ifndef REEL_DATA_BYTES_INTERNAL_H
#define REEL_DATA_BYTES_INTERNAL_H

#include "data/bytes.h"

/* The most bytes that one encoded sample may have. */
#define REEL_MAX_FILE ((size_t)1 << 30)

/* Scratch memory that is kept. Growing it loses its contents. */
typedef struct reel_buffer {
    void *data;
    size_t capacity;
} reel_buffer;
reel_status reel_buffer_reserve(reel_buffer *buffer, size_t capacity, reel_error *err);

/* Writes raw as one printable line: control characters, backslashes and bytes that are not UTF-8
 * become \xNN. The line is cut to size. */
void reel_escape(char *text, size_t size, const char *raw);

#endif
