/* Facts about one encoded image, for looking through a dataset before it costs a training run. */
#ifndef REEL_DATA_INSPECT_H
#define REEL_DATA_INSPECT_H

#include "data/codecs/codec.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_image_facts {
    uint64_t hash; /* of the bytes. Equal bytes have equal hashes; the reverse is to be confirmed */
    size_t size;   /* bytes */
    int64_t width, height; /* in pixels; 0 where the image does not decode */
    /* Over all pixels and per channel: sum of v and of v * v, v from 0 to 255. Integers, so that no
     * order of adding changes them. */
    uint64_t sum[3], square[3];
    int orientation; /* EXIF, 1 to 8; 0 = none */
    bool cmyk;       /* four ink channels are stored */
    bool profile;    /* an ICC profile is stored, which is ignored */
    /* What the content is ("a PNG image"), where the name's extension says otherwise; NULL = they
     * agree. */
    const char *misnamed;
} reel_image_facts;

/* Decodes the whole image, into `image`, and says what it is. name: the file's. facts is also
 * filled where the image is refused: all but width, height and sums. Errors are those of
 * reel_image_decode. Calls with different `image` may run at the same time. */
REEL_API reel_status reel_image_inspect(reel_image_facts *facts, reel_image *image,
                                        const char *name, const uint8_t *bytes, size_t size,
                                        reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
