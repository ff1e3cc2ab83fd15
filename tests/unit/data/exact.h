/* Reading from a block of the exact size, so that the address sanitizer sees a byte too many. */
#ifndef REEL_TESTS_UNIT_DATA_EXACT_H
#define REEL_TESTS_UNIT_DATA_EXACT_H

#include "data/inspect.h"

#include <stdlib.h>
#include <string.h>

static inline int orientation_of(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, bytes, size);
    const int o = reel_exif_orientation(exact, size);
    free(exact);
    return o;
}

#endif
