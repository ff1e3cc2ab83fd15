/* A PNG may lack its last bytes and still have all of its pixels. PIL reads such a file where the
 * cut lies in the check sums behind the pixels, in the head of a later chunk, or in a later
 * chunk's check sum; it refuses a later chunk whose data are cut. The same holds here: the missing
 * bytes are made up, so that libpng comes to its end.
 *
 * A chunk: length (4 bytes), name (4), data, CRC-32 of name and data (4). The data of the last IDAT
 * chunk end in zlib's check sum (4 bytes), whose loss libpng passes over. */
#include "data/codecs/common/png_tail.h"

#include <string.h>
#include <zlib.h>

enum { SIGNATURE = 8, NAME_AT = 4, HEAD = 8, CHECK_SUM = 4 };

static const uint8_t end_chunk[] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};

static void append_bytes(reel_png_tail *tail, const void *bytes, size_t size)
{
    memcpy(tail->bytes + tail->size, bytes, size);
    tail->size += size;
}

/* Completes the chunk at `chunk`, which lacks the last `missing` bytes of its data and its CRC. */
static void complete_chunk(reel_png_tail *tail, const uint8_t *bytes, size_t chunk, size_t size,
                           size_t missing)
{
    static const uint8_t zeros[CHECK_SUM];
    const uint8_t *name = bytes + chunk + NAME_AT;
    uLong crc = crc32_z(0, name, NAME_AT + size - missing);
    if (missing)
        crc = crc32_z(crc, zeros, missing);
    const uint8_t stored[CHECK_SUM] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16),
                                       (uint8_t)(crc >> 8), (uint8_t)crc};
    tail->whole = chunk + HEAD + size - missing;
    append_bytes(tail, zeros, missing);
    append_bytes(tail, stored, sizeof stored);
    append_bytes(tail, end_chunk, sizeof end_chunk);
}

void reel_png_mend(reel_png_tail *tail, const uint8_t *bytes, size_t length)
{
    bool pixels = false;
    *tail = (reel_png_tail){.whole = length};
    for (size_t at = SIGNATURE; at <= length;) {
        const uint8_t *head = bytes + at;
        const size_t left = length - at;
        if (left < HEAD) { /* cut between two chunks: all that is there is whole */
            tail->whole = at;
            if (pixels)
                append_bytes(tail, end_chunk, sizeof end_chunk);
            return;
        }

        const size_t size =
            (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | (size_t)head[3];
        const size_t there = left - HEAD < size ? left - HEAD : size, missing = size - there;
        const bool is_pixels = memcmp(head + NAME_AT, "IDAT", 4) == 0;
        pixels = pixels || is_pixels;
        if (missing) {
            /* Pixels that are missing are no pixels; a missing check sum may be made. */
            if (is_pixels && missing <= CHECK_SUM)
                complete_chunk(tail, bytes, at, size, missing);
            return;
        }
        if (left - HEAD - size < CHECK_SUM) {
            if (pixels)
                complete_chunk(tail, bytes, at, size, missing);
            return;
        }
        if (memcmp(head + NAME_AT, "IEND", 4) == 0)
            return;
        at += HEAD + size + CHECK_SUM;
    }
}
