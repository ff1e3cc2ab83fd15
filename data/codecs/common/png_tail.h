/* The end of a PNG that is cut behind its pixels. */
#ifndef REEL_DATA_CODECS_COMMON_PNG_TAIL_H
#define REEL_DATA_CODECS_COMMON_PNG_TAIL_H

#include "core/base.h"

/* A number in a PNG: four bytes, the highest first. */
static inline uint32_t reel_png_number(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

enum { REEL_PNG_TAIL_BYTES = 20 };

/* What to read: the first `whole` bytes of the file, then `size` bytes of `bytes`. */
typedef struct reel_png_tail {
    size_t whole, size;
    uint8_t bytes[REEL_PNG_TAIL_BYTES];
} reel_png_tail;

/* A file that is whole, or that is cut where PIL refuses it, too, gets no tail. */
void reel_png_mend(reel_png_tail *tail, const uint8_t *bytes, size_t length);

#endif
