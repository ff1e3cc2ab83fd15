/* Facts about one encoded image: what its header says, looked at without trust in it, and what its
 * pixels are. */
#include "data/inspect.h"

#include <string.h>
#include <strings.h>

#include "data/data_internal.h"

static bool is_cmyk(const uint8_t *jpeg, size_t size)
{
    reel_jpeg_segment s;
    for (size_t at = 2; reel_jpeg_next_segment(jpeg, size, &at, &s);) {
        const bool frame =
            s.marker <= 0xcf && s.marker != 0xc4 && s.marker != 0xc8 && s.marker != 0xcc;
        if (frame)
            return s.size > 5 && s.at[5] == 4;
    }
    return false;
}

static const char *wrong_name(const char *name, const uint8_t *bytes, size_t size)
{
    const char *dot = strrchr(name, '.');
    reel_content claimed = REEL_CONTENT_OTHER;
    if (dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0))
        claimed = REEL_CONTENT_JPEG;
    if (dot && strcasecmp(dot, ".png") == 0)
        claimed = REEL_CONTENT_PNG;
    if (dot && (strcasecmp(dot, ".ppm") == 0 || strcasecmp(dot, ".pgm") == 0))
        claimed = REEL_CONTENT_PNM;
    const reel_content is = reel_content_sniff(bytes, size);
    if (claimed == REEL_CONTENT_OTHER || claimed == is || size == 0)
        return NULL;
    if (is == REEL_CONTENT_JPEG)
        return "a JPEG image";
    if (is == REEL_CONTENT_PNG)
        return "a PNG image";
    if (is == REEL_CONTENT_PNM)
        return "a PNM image";
    return reel_content_name(bytes, size); /* unknown content is damage, and reported as that */
}

/* Spreads well enough to keep chance collisions rare; those that are made on purpose cost their
 * confirmation only. */
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

reel_status reel_image_inspect(reel_image_facts *facts, reel_image *image, const char *name,
                               const uint8_t *bytes, size_t size, reel_error *err)
{
    const bool jpeg = reel_content_sniff(bytes, size) == REEL_CONTENT_JPEG;
    *facts = (reel_image_facts){
        .hash = hash_bytes(bytes, size), .size = size, .misnamed = wrong_name(name, bytes, size)};
    facts->orientation = reel_exif_orientation(bytes, size);
    facts->cmyk = jpeg && is_cmyk(bytes, size);
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
