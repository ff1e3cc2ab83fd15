/* The first directory of TIFF bytes, and EXIF's orientation tag out of it.
 *
 * It is read here rather than by a library: few tags are needed, out of bytes that anybody may have
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

void reel_tiff_entries(const uint8_t *tiff, size_t length,
                       void (*visit)(void *self, const reel_tiff_entry *entry), void *self)
{
    if (length < 8 || (memcmp(tiff, "II", 2) != 0 && memcmp(tiff, "MM", 2) != 0))
        return;
    const bool little = tiff[0] == 'I';

    /* The header ends with the place of the first IFD, which begins with its number of entries. */
    const size_t ifd = tiff_number(tiff + 4, 4, little);
    if (tiff_number(tiff + 2, 2, little) != 42 || ifd < 8 || ifd > length || length - ifd < 2)
        return;
    const size_t entries = tiff_number(tiff + ifd, 2, little), room = length - ifd - 2;

    /* An entry: tag (2 bytes), type (2), number of values (4), the value (4). */
    for (size_t i = 0; i < entries && (i + 1) * ENTRY_BYTES <= room; i++) {
        const uint8_t *at = tiff + ifd + 2 + i * ENTRY_BYTES;
        const uint32_t type = tiff_number(at + 2, 2, little);
        const reel_tiff_entry entry = {.tag = tiff_number(at, 2, little),
                                       .values = tiff_number(at + 4, 4, little),
                                       .value = tiff_number(at + 8, integer_bytes(type), little)};
        visit(self, &entry);
    }
}

/* The first entry of the tag counts; -1 = there was none yet. */
static void note_orientation(void *self, const reel_tiff_entry *e)
{
    int *orientation = self;
    if (e->tag == ORIENTATION && *orientation < 0)
        *orientation = e->values == 1 && e->value >= 1 && e->value <= 8 ? (int)e->value : 0;
}

int reel_tiff_orientation(const uint8_t *tiff, size_t length)
{
    int orientation = -1;
    reel_tiff_entries(tiff, length, note_orientation, &orientation);
    return orientation < 0 ? 0 : orientation;
}
