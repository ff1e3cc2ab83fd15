/* Facts about one encoded image: what its header says, looked at without trust in it, and what its
 * pixels are. */
#include "data/inspect.h"

#include <string.h>

/* What the content is, where the name claims another format. Unknown content is damage, and
 * reported as that. */
static const char *wrong_name(const char *name, const uint8_t *bytes, size_t size)
{
    const reel_codec *claimed = reel_codec_of_name(name), *is = reel_codec_of(bytes, size);
    if (!claimed || claimed == is || size == 0)
        return NULL;
    return is ? is->what : reel_content_name(bytes, size);
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
    REEL_NEED(facts, err);
    REEL_NEED(image, err);
    REEL_NEED(name, err);
    if (size > 0)
        REEL_NEED(bytes, err);

    const reel_codec *codec = reel_codec_of(bytes, size);
    *facts = (reel_image_facts){
        .hash = hash_bytes(bytes, size), .size = size, .misnamed = wrong_name(name, bytes, size)};
    facts->orientation = reel_exif_orientation(bytes, size);
    facts->cmyk = codec && codec->is_cmyk && codec->is_cmyk(bytes, size);
    facts->profile = codec && codec->has_profile && codec->has_profile(bytes, size);

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
