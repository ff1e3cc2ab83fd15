/* Facts about one encoded image.
 *
 * EXIF is read here rather than by a library: one tag is needed, out of bytes that anybody may have written. Every offset is
 * compared with what is left before it is followed, and none is followed twice, so the time is linear whatever it claims. */
#include "data/inspect.h"

#include <string.h>
#include <strings.h>

#include "data/data_internal.h"

typedef struct segment {
    int marker;
    const uint8_t *at; /* behind the length */
    size_t size;
} segment;

/* The next marker segment of a JPEG's header; false = the header ends here, or is none. */
static bool next_segment(const uint8_t *bytes, size_t size, size_t *at, segment *s)
{
    size_t i = *at;
    if (i >= size || bytes[i] != 0xff) return false;
    while (i < size && bytes[i] == 0xff) i++; /* any number of fill bytes */
    if (size - i < 3) return false;
    s->marker = bytes[i++];
    if (s->marker < 0xc0 || (s->marker >= 0xd0 && s->marker <= 0xda)) return false; /* no length follows, or pixels do */
    const size_t length = (size_t)bytes[i] << 8 | bytes[i + 1];
    if (length < 2 || length > size - i) return false;
    s->at = bytes + i + 2;
    s->size = length - 2;
    *at = i + length;
    return true;
}

static uint32_t number(const uint8_t *at, int n, bool little)
{
    uint32_t value = 0;
    for (int i = 0; i < n; i++) value = value << 8 | at[little ? n - 1 - i : i];
    return value;
}

/* tiff: the header with the byte order, to which offsets are relative. */
static int tiff_orientation(const uint8_t *tiff, size_t size)
{
    if (size < 8 || (memcmp(tiff, "II", 2) != 0 && memcmp(tiff, "MM", 2) != 0)) return 0;
    const bool little = tiff[0] == 'I';
    const size_t ifd = number(tiff + 4, 4, little);
    if (number(tiff + 2, 2, little) != 42 || ifd < 8 || ifd > size || size - ifd < 2) return 0;
    const size_t entries = number(tiff + ifd, 2, little);
    for (size_t i = 0; i < entries && (i + 1) * 12 <= size - ifd - 2; i++) {
        const uint8_t *entry = tiff + ifd + 2 + i * 12;
        if (number(entry, 2, little) != 0x0112) continue;
        const uint32_t value = number(entry + 8, 2, little);
        return number(entry + 2, 2, little) == 3 && number(entry + 4, 4, little) == 1 && value >= 1 && value <= 8 ? (int)value
                                                                                                                  : 0;
    }
    return 0;
}

int reel_exif_orientation(const uint8_t *jpeg, size_t size)
{
    static const uint8_t mark[6] = {'E', 'x', 'i', 'f', 0, 0};
    segment s;
    if (size < 4 || jpeg[0] != 0xff || jpeg[1] != 0xd8) return 0;
    for (size_t at = 2; next_segment(jpeg, size, &at, &s);)
        if (s.marker == 0xe1 && s.size >= sizeof mark && memcmp(s.at, mark, sizeof mark) == 0)
            return tiff_orientation(s.at + sizeof mark, s.size - sizeof mark);
    return 0;
}

static bool is_cmyk(const uint8_t *jpeg, size_t size)
{
    segment s;
    for (size_t at = 2; next_segment(jpeg, size, &at, &s);) {
        const bool frame = s.marker <= 0xcf && s.marker != 0xc4 && s.marker != 0xc8 && s.marker != 0xcc;
        if (frame) return s.size > 5 && s.at[5] == 4;
    }
    return false;
}

static const char *wrong_name(const char *name, const uint8_t *bytes, size_t size)
{
    const char *dot = strrchr(name, '.');
    reel_content claimed = REEL_CONTENT_OTHER;
    if (dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0)) claimed = REEL_CONTENT_JPEG;
    if (dot && strcasecmp(dot, ".png") == 0) claimed = REEL_CONTENT_PNG;
    if (dot && (strcasecmp(dot, ".ppm") == 0 || strcasecmp(dot, ".pgm") == 0)) claimed = REEL_CONTENT_PNM;
    const reel_content is = reel_content_sniff(bytes, size);
    if (claimed == REEL_CONTENT_OTHER || claimed == is || size == 0) return NULL;
    if (is == REEL_CONTENT_JPEG) return "a JPEG image";
    if (is == REEL_CONTENT_PNG) return "a PNG image";
    if (is == REEL_CONTENT_PNM) return "a PNM image";
    return reel_content_name(bytes, size); /* unknown content is damage, and reported as that */
}

/* Spreads well enough to keep chance collisions rare; those that are made on purpose cost their confirmation only. */
static uint64_t hash_bytes(const uint8_t *bytes, size_t size)
{
    uint64_t h = size * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + i, size - i < 8 ? size - i : 8);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h;
}

reel_status reel_image_inspect(reel_image_facts *facts, reel_image *image, const char *name, const uint8_t *bytes, size_t size,
                               reel_error *err)
{
    const bool jpeg = reel_content_sniff(bytes, size) == REEL_CONTENT_JPEG;
    *facts = (reel_image_facts){.hash = hash_bytes(bytes, size), .size = size, .misnamed = wrong_name(name, bytes, size)};
    if (jpeg) {
        facts->orientation = reel_exif_orientation(bytes, size);
        facts->cmyk = is_cmyk(bytes, size);
    }
    REEL_TRY(reel_image_decode(image, bytes, size, err));
    facts->width = image->width;
    facts->height = image->height;
    for (int64_t i = 0; i < image->width * image->height; i++)
        for (int c = 0; c < 3; c++) {
            const uint64_t v = image->rgb[3 * i + c];
            facts->sum[c] += v;
            facts->square[c] += v * v;
        }
    return REEL_OK;
}
