/* Images that say how they were held. */
#ifndef REEL_TESTS_UNIT_DATA_EXIF_OF_H
#define REEL_TESTS_UNIT_DATA_EXIF_OF_H

#include <zlib.h>

#include "tests/unit/data/data_test.h"

/* An IFD of one entry: orientation. */
__attribute__((unused)) static void exif_tiff(uint8_t tiff[26], int orientation)
{
    memcpy(tiff, "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0", 26);
    tiff[19] = (uint8_t)orientation;
}

/* A copy of the JPEG or PNG with n bytes put in at `at`; frees nothing. */
__attribute__((unused)) static reel_bytes bytes_with(const reel_bytes *b, size_t at,
                                                     const uint8_t *more, size_t n)
{
    reel_bytes r = {0};
    reel_error err;
    MUST(reel_bytes_reserve(&r, b->size + n, &err), err);
    memcpy(r.data, b->data, at);
    memcpy(r.data + at, more, n);
    memcpy(r.data + at + n, b->data + at, b->size - at);
    r.size = b->size + n;
    return r;
}

__attribute__((unused)) static reel_bytes jpeg_held(const reel_bytes *jpeg, int orientation)
{
    uint8_t segment[36] = "\xff\xe1\0\x22"
                          "Exif\0";
    exif_tiff(segment + 10, orientation);
    return bytes_with(jpeg, 2, segment, sizeof segment);
}

/* behind: the chunk stands behind the pixels. */
__attribute__((unused)) static reel_bytes png_held(const reel_bytes *png, int orientation,
                                                   bool behind)
{
    uint8_t chunk[38] = "\0\0\0\x1a"
                        "eXIf";
    exif_tiff(chunk + 8, orientation);
    const uLong crc = crc32_z(0, chunk + 4, 30);
    for (int i = 0; i < 4; i++)
        chunk[34 + i] = (uint8_t)(crc >> (24 - 8 * i));
    return bytes_with(png, behind ? png->size - 12 : 33, chunk, sizeof chunk);
}

#endif
