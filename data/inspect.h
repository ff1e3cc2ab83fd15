/* Facts about one encoded image, for looking through a dataset before it costs a training run. */
#ifndef REEL_DATA_INSPECT_H
#define REEL_DATA_INSPECT_H

#include "data/codecs/codec.h"
#include "data/image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_image_facts {
    uint64_t hash; /* of the bytes; equal bytes have equal hashes, the reverse is to be confirmed */
    size_t size;
    int64_t width, height;      /* 0 where the image does not decode */
    uint64_t sum[3], square[3]; /* of all its pixels, 0 .. 255: integers, so that no order of adding
                                   changes them */
    int orientation;            /* EXIF, 1 .. 8; 0 = none */
    bool cmyk;                  /* JPEG of four components */
    const char *misnamed; /* what the content is, where the name's extension says otherwise; NULL =
                             they agree */
} reel_image_facts;

/* Decodes the image wholly, into `image`, and tells what it is. facts is filled also where the
 * image is refused: all but width, height and sums. Errors are those of reel_image_decode. */
REEL_API reel_status reel_image_inspect(reel_image_facts *facts, reel_image *image,
                                        const char *name, const uint8_t *bytes, size_t size,
                                        reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
