/* EXIF's orientation, and pixels put upright by it.
 *
 * It is read here rather than by a library: one tag is needed, out of bytes that anybody may have
 * written. Every offset is compared with what is left before it is followed, and none is followed
 * twice, so the time is linear whatever it claims.
 *
 * Pixels are turned before they are resized: the filter rounds between its two passes, the
 * horizontal one first, and rounds its weights from left to right, so that turning the result would
 * give other bits. */
#include "data/codecs/exif.h"

#include <string.h>
#include <zlib.h>

#include "data/data_internal.h"

/* ---- reading the tag ---- */
bool reel_jpeg_next_segment(const uint8_t *bytes, size_t size, size_t *at, reel_jpeg_segment *s)
{
    size_t i = *at;
    if (i >= size || bytes[i] != 0xff)
        return false;
    while (i < size && bytes[i] == 0xff)
        i++; /* any number of fill bytes */
    if (size - i < 3)
        return false;
    s->marker = bytes[i++];
    if (s->marker < 0xc0 || (s->marker >= 0xd0 && s->marker <= 0xda))
        return false; /* no length follows, or pixels do */
    const size_t length = (size_t)bytes[i] << 8 | bytes[i + 1];
    if (length < 2 || length > size - i)
        return false;
    s->at = bytes + i + 2;
    s->size = length - 2;
    *at = i + length;
    return true;
}

static uint32_t number(const uint8_t *at, int n, bool little)
{
    uint32_t value = 0;
    for (int i = 0; i < n; i++)
        value = value << 8 | at[little ? n - 1 - i : i];
    return value;
}

/* Bytes of a value of an integer type of TIFF 6.0; 0 = it is none. The standard has SHORT; any of
 * them is taken, as PIL does.
 */
static int bytes_of(uint32_t type)
{
    enum { SHORT = 3, LONG = 4, SBYTE = 6, SSHORT = 8, SLONG = 9, IFD = 13 };
    return type == SBYTE                                  ? 1
           : type == SHORT || type == SSHORT              ? 2
           : type == LONG || type == SLONG || type == IFD ? 4
                                                          : 0;
}

/* tiff: the header with the byte order, to which offsets are relative. */
static int tiff_orientation(const uint8_t *tiff, size_t size)
{
    if (size < 8 || (memcmp(tiff, "II", 2) != 0 && memcmp(tiff, "MM", 2) != 0))
        return 0;
    const bool little = tiff[0] == 'I';
    const size_t ifd = number(tiff + 4, 4, little);
    if (number(tiff + 2, 2, little) != 42 || ifd < 8 || ifd > size || size - ifd < 2)
        return 0;
    const size_t entries = number(tiff + ifd, 2, little);
    for (size_t i = 0; i < entries && (i + 1) * 12 <= size - ifd - 2; i++) {
        const uint8_t *entry = tiff + ifd + 2 + i * 12;
        if (number(entry, 2, little) != 0x0112)
            continue;
        const uint32_t type = number(entry + 2, 2, little),
                       value = number(entry + 8, bytes_of(type), little);
        return number(entry + 4, 4, little) == 1 && value >= 1 && value <= 8 ? (int)value : 0;
    }
    return 0;
}

static int jpeg_orientation(const uint8_t *jpeg, size_t size)
{
    static const uint8_t mark[6] = {'E', 'x', 'i', 'f', 0, 0};
    reel_jpeg_segment s;
    for (size_t at = 2; reel_jpeg_next_segment(jpeg, size, &at, &s);)
        if (s.marker == 0xe1 && s.size >= sizeof mark && memcmp(s.at, mark, sizeof mark) == 0)
            return tiff_orientation(s.at + sizeof mark, s.size - sizeof mark);
    return 0;
}

/* The chunk may stand before or behind the pixels. A chunk: length, name, data, CRC-32 of name and
 * data. */
static int png_orientation(const uint8_t *png, size_t size)
{
    for (size_t at = 8; size - at >= 12;) {
        const uint8_t *name = png + at + 4, *data = name + 4;
        const size_t length = number(png + at, 4, false);
        if (length > size - at - 12)
            return 0;
        if (memcmp(name, "eXIf", 4) == 0)
            return crc32_z(0, name, length + 4) == number(data + length, 4, false)
                       ? tiff_orientation(data, length)
                       : 0;
        at += length + 12;
    }
    return 0;
}

int reel_exif_orientation(const uint8_t *bytes, size_t size)
{
    const reel_content content = reel_content_sniff(bytes, size);
    return content == REEL_CONTENT_JPEG  ? jpeg_orientation(bytes, size)
           : content == REEL_CONTENT_PNG ? png_orientation(bytes, size)
                                         : 0;
}

/* ---- turning ---- */
static bool columns_are_mirrored(int orientation)
{
    return orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
}

static bool rows_are_mirrored(int orientation)
{
    return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}

bool reel_exif_swaps(int orientation)
{
    return orientation >= 5;
}

reel_rect reel_exif_stored(int orientation, int64_t width, int64_t height, const reel_rect *upright)
{
    reel_rect r = *upright;
    if (reel_exif_swaps(orientation))
        r = (reel_rect){r.y, r.x, r.h, r.w};
    if (columns_are_mirrored(orientation))
        r.x = width - r.x - r.w;
    if (rows_are_mirrored(orientation))
        r.y = height - r.y - r.h;
    return r;
}

void reel_exif_upright_box(int orientation, int64_t width, int64_t height, double box[4])
{
    double left = box[0], top = box[1], right = box[2], bottom = box[3];
    if (columns_are_mirrored(orientation)) {
        left = (double)width - box[2];
        right = (double)width - box[0];
    }
    if (rows_are_mirrored(orientation)) {
        top = (double)height - box[3];
        bottom = (double)height - box[1];
    }
    const bool swap = reel_exif_swaps(orientation);
    box[0] = swap ? top : left;
    box[1] = swap ? left : top;
    box[2] = swap ? bottom : right;
    box[3] = swap ? right : bottom;
}

/* In squares, so that columns that become rows are read out of the nearest cache. */
reel_status reel_exif_turn(reel_image *upright, int orientation, const reel_view *stored,
                           reel_error *err)
{
    enum { SQUARE = 32 };
    const bool swap = reel_exif_swaps(orientation);
    const int64_t width = swap ? stored->height : stored->width,
                  height = swap ? stored->width : stored->height;
    REEL_TRY(reel_image_resize_buffer(upright, width, height, err));
    const int64_t across = columns_are_mirrored(orientation)
                               ? -3
                               : 3; /* from a stored column to the next one wanted */
    const int64_t down = rows_are_mirrored(orientation) ? -stored->stride : stored->stride;
    const uint8_t *first = stored->rgb + (across < 0 ? (stored->width - 1) * 3 : 0) +
                           (down < 0 ? (stored->height - 1) * stored->stride : 0);
    const int64_t step_x = swap ? down : across, step_y = swap ? across : down;
    for (int64_t y0 = 0; y0 < height; y0 += SQUARE)
        for (int64_t x0 = 0; x0 < width; x0 += SQUARE) {
            const int64_t x1 = width - x0 < SQUARE ? width : x0 + SQUARE,
                          y1 = height - y0 < SQUARE ? height : y0 + SQUARE;
            for (int64_t y = y0; y < y1; y++) {
                uint8_t *to = upright->rgb + (y * width + x0) * 3;
                const uint8_t *from = first + y * step_y + x0 * step_x;
                for (int64_t x = x0; x < x1; x++, to += 3, from += step_x) {
                    to[0] = from[0];
                    to[1] = from[1];
                    to[2] = from[2];
                }
            }
        }
    return REEL_OK;
}
