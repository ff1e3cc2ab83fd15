/* A PNG may lack its last bytes and still have all of its pixels. PIL reads such a file where the
 * cut lies in the check sums behind the pixels, in the head of a later chunk, or in a later
 * chunk's check sum; it refuses a later chunk whose data are cut. The same holds here: the missing
 * bytes are made up, so that libpng comes to its end.
 *
 * A chunk: length (4 bytes), name (4), data, CRC-32 of name and data (4). The data of all IDAT
 * chunks together are one stream of zlib, which ends in the Adler-32 of the pixels (4 bytes). Many
 * builds of libpng cannot be told to pass over that sum, so it is computed. */
#include "data/codecs/common/png_tail.h"

#include "data/image.h"

#include <string.h>
#include <zlib.h>

enum { SIGNATURE = 8, NAME_AT = 4, HEAD = 8, CHECK_SUM = 4 };

static const uint8_t end_chunk[] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};

static void append_bytes(reel_png_tail *tail, const void *bytes, size_t size)
{
    memcpy(tail->bytes + tail->size, bytes, size);
    tail->size += size;
}

/* The most bytes that the pixels can unpack to: 8 a pixel, and a filter byte a row in each pass. */
static uint64_t most_unpacked(const uint8_t *bytes, size_t length)
{
    enum { WIDTH_AT = 16, HEIGHT_AT = 20, PASSES = 7 };
    if (length < HEIGHT_AT + 4)
        return 0;
    const uint64_t width = reel_png_number(bytes + WIDTH_AT),
                   height = reel_png_number(bytes + HEIGHT_AT);
    if (height == 0 || width > REEL_MAX_PIXELS / height)
        return 0;
    return 8 * width * height + PASSES * height;
}

/* Unpacks what `stream` was given, for the sum only. False: it is damaged, or larger than `most`.
 */
static bool unpack_all(z_stream *stream, uint64_t most)
{
    uint8_t rows[1 << 14];
    int result = Z_OK;
    do {
        stream->next_out = rows;
        stream->avail_out = sizeof rows;
        result = inflate(stream, Z_NO_FLUSH);
    } while (result == Z_OK && stream->total_out <= most && stream->avail_out == 0);
    return (result == Z_OK || result == Z_BUF_ERROR) && stream->total_out <= most;
}

/* The Adler-32 of the pixels in a file whose last IDAT chunk is cut behind them, as it is stored.
 * Zeros where there is none: then libpng says what is wrong. */
static void sum_pixels(uint8_t sum[CHECK_SUM], const uint8_t *bytes, size_t length)
{
    const uint64_t most = most_unpacked(bytes, length);
    z_stream stream = {0};
    memset(sum, 0, CHECK_SUM);
    if (most == 0 || inflateInit(&stream) != Z_OK)
        return;
    bool good = true;
    for (size_t at = SIGNATURE; good && length - at >= HEAD;) {
        const size_t size = reel_png_number(bytes + at), left = length - at - HEAD;
        if (memcmp(bytes + at + NAME_AT, "IDAT", 4) == 0) {
            stream.next_in = (uint8_t *)(uintptr_t)(bytes + at + HEAD); /* zlib does not write it */
            stream.avail_in = (uInt)(size < left ? size : left);
            good = unpack_all(&stream, most);
        }
        if (left < size + CHECK_SUM)
            break;
        at += HEAD + size + CHECK_SUM;
    }
    for (int i = 0; good && i < CHECK_SUM; i++)
        sum[i] = (uint8_t)(stream.adler >> 8 * (CHECK_SUM - 1 - i));
    inflateEnd(&stream);
}

/* Completes the chunk at `chunk`, which lacks the last `missing` bytes of its data and its CRC. */
static void complete_chunk(reel_png_tail *tail, const uint8_t *bytes, size_t chunk, size_t size,
                           size_t missing)
{
    uint8_t sum[CHECK_SUM];
    const uint8_t *name = bytes + chunk + NAME_AT;
    uLong crc = crc32_z(0, name, NAME_AT + size - missing);
    if (missing) {
        sum_pixels(sum, bytes, chunk + HEAD + size - missing);
        crc = crc32_z(crc, sum + CHECK_SUM - missing, missing);
    }
    const uint8_t stored[CHECK_SUM] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16),
                                       (uint8_t)(crc >> 8), (uint8_t)crc};
    tail->whole = chunk + HEAD + size - missing;
    if (missing)
        append_bytes(tail, sum + CHECK_SUM - missing, missing);
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

        const size_t size = reel_png_number(head);
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
