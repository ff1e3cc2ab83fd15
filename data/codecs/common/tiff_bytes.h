/* Bytes in memory as a file for libtiff, without its printing and without its global handlers: the
 * program that uses this library may have its own. For builds with libtiff. */
#ifndef REEL_DATA_CODECS_COMMON_TIFF_BYTES_H
#define REEL_DATA_CODECS_COMMON_TIFF_BYTES_H

#include <tiffio.h>

#include "core/base.h"

typedef struct reel_tiff_bytes {
    const uint8_t *data;
    size_t length;
    int64_t at;       /* libtiff's place */
    char reason[200]; /* libtiff's first error */
} reel_tiff_bytes;

/* Opens the bytes, which must stay. No single piece of libtiff's memory is larger than `most`
 * bytes. *tiff is NULL where they are no TIFF; then bytes->reason says why. */
reel_status reel_tiff_open(TIFF **tiff, reel_tiff_bytes *bytes, size_t most, reel_error *err);

#endif
