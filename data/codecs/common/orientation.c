/* EXIF's orientation tag out of TIFF bytes.
 *
 * It is read here rather than by a library: one tag is needed, out of bytes that anybody may have
 * written. Every offset is compared with what is left before it is followed, and none is followed
 * twice, so the time is linear whatever the bytes claim. Format: TIFF 6.0, Exif 2.3. */
#include "data/codecs/common/orientation.h"

#include <string.h>

enum { ORIENTATION = 0x0112, ENTRY_BYTES = 12 };

static uint32_t tiff_number(const uint8_t *at, int n, bool little)
{
    uint32_t value = 0;
    for (int i = 0; i < n; i++)
        value = value << 8 | at[little ? n - 1 - i : i];
    return value;
}

/* Bytes of a value of an integer type; 0 = it is none. The standard has SHORT; any integer type is
 * taken, as PIL does. */
static int integer_bytes(uint32_t type)
{
    enum { SHORT = 3, LONG = 4, SBYTE = 6, SSHORT = 8, SLONG = 9, IFD = 13 };
    switch (type) {
    case SBYTE:
        return 1;
    case SHORT:
    case SSHORT:
        return 2;
    case LONG:
    case SLONG:
    case IFD:
        return 4;
    default:
        return 0;
    }
}

/* An entry: tag (2 bytes), type (2), number of values (4), the value (4). */
static int entry_orientation(const uint8_t *entry, bool little)
{
    const uint32_t type = tiff_number(entry + 2, 2, little);
    const uint32_t values = tiff_number(entry + 4, 4, little);
    const uint32_t value = tiff_number(entry + 8, integer_bytes(type), little);
    return values == 1 && value >= 1 && value <= 8 ? (int)value : 0;
}

int reel_tiff_orientation(const uint8_t *tiff, size_t length)
{
    if (length < 8 || (memcmp(tiff, "II", 2) != 0 && memcmp(tiff, "MM", 2) != 0))
        return 0;
    const bool little = tiff[0] == 'I';

    /* The header ends with the place of the first IFD, which begins with its number of entries. */
    const size_t ifd = tiff_number(tiff + 4, 4, little);
    if (tiff_number(tiff + 2, 2, little) != 42 || ifd < 8 || ifd > length || length - ifd < 2)
        return 0;
    const size_t entries = tiff_number(tiff + ifd, 2, little), room = length - ifd - 2;

    for (size_t i = 0; i < entries && (i + 1) * ENTRY_BYTES <= room; i++) {
        const uint8_t *entry = tiff + ifd + 2 + i * ENTRY_BYTES;
        if (tiff_number(entry, 2, little) == ORIENTATION)
            return entry_orientation(entry, little);
    }
    return 0;
}
