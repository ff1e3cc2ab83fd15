/* Arbitrary bytes as an image with EXIF: as they are, as the TIFF within a JPEG's APP1 segment, and
 * within a PNG's eXIf chunk.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data/codecs/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void expect_orientation(const uint8_t *bytes, size_t size)
{
    const int orientation = reel_exif_orientation(bytes, size);
    if (orientation < 0 || orientation > 8)
        abort();
}

static void put_big(uint8_t *to, size_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    expect_orientation(bytes, size);
    if (size > 65000)
        return 0;
    uint8_t *file = calloc(1, size + 80);
    if (!file)
        return 0;
    memcpy(file, "\xff\xd8\xff\xe1", 4);
    file[4] = (uint8_t)((size + 8) >> 8);
    file[5] = (uint8_t)(size + 8);
    memcpy(file + 6, "Exif\0", 6);
    memcpy(file + 12, bytes, size);
    expect_orientation(file, 12 + size);
    memcpy(file, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\10\0\0\0\0", 29);
    put_big(file + 29, crc32(0, file + 12, 17));
    put_big(file + 33, size);
    memcpy(file + 37, "eXIf", 4);
    memcpy(file + 41, bytes, size);
    put_big(file + 41 + size, crc32(0, file + 37, (uInt)size + 4));
    expect_orientation(file, 45 + size);
    free(file);
    return 0;
}
