/* Camera RAW files that are TIFF inside, told from other TIFF files by their first directory.
 *
 * Canon's CR2 has a mark behind the TIFF header, Adobe's DNG a version tag. Nikon's NEF, Sony's
 * ARW and their like have a thumbnail as the first image, the maker's name, and the sensor's data
 * in a sub-directory. */
#include "data/codecs/common/camera_raw.h"

#include <string.h>

#include "data/codecs/common/orientation.h"

struct first_directory {
    bool dng, thumbnail, maker, sub_directories;
};

static void note_tag(void *to, const reel_tiff_entry *entry)
{
    enum { SUBFILE_TYPE = 254, MAKE = 271, SUB_IFDS = 330, DNG_VERSION = 50706 };
    struct first_directory *f = to;
    switch (entry->tag) {
    case SUBFILE_TYPE:
        f->thumbnail = entry->value & 1;
        break;
    case MAKE:
        f->maker = true;
        break;
    case SUB_IFDS:
        f->sub_directories = true;
        break;
    case DNG_VERSION:
        f->dng = true;
        break;
    default:
        break;
    }
}

const char *reel_camera_raw(const uint8_t *bytes, size_t length)
{
    static const char cr2[] = "II*\0\x10\0\0\0CR";
    if (length >= sizeof cr2 - 1 && memcmp(bytes, cr2, sizeof cr2 - 1) == 0)
        return "a camera RAW photograph (CR2)";
    struct first_directory f = {0};
    reel_tiff_entries(bytes, length, note_tag, &f);
    if (f.dng)
        return "a camera RAW photograph (DNG)";
    if (f.thumbnail && f.maker && f.sub_directories)
        return "a camera RAW photograph (NEF, ARW)";
    return NULL;
}
