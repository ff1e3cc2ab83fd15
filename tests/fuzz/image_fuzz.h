/* What the fuzzers of image formats share: the size from the header, a whole decode, what `reel
 * check` wants to know, and what the loader does with the image. Large images are passed over: they
 * cost time, not safety. */
#ifndef REEL_TESTS_FUZZ_IMAGE_FUZZ_H
#define REEL_TESTS_FUZZ_IMAGE_FUZZ_H

#include <stdlib.h>
#include <string.h>

#include "data/codecs/codec.h"
#include "data/inspect.h"
#include "data/transforms/transform.h"

static inline int fuzz_codec(const reel_codec *codec, const uint8_t *bytes, size_t size)
{
    enum { SIDE = 24, MOST_PIXELS = 1 << 16 };
    reel_error err = {0};
    int64_t width, height;
    if (!codec->sniff(bytes, size))
        return 0;
    if (reel_image_size(bytes, size, &width, &height, &err) != REEL_OK) {
        if (!err.message[0])
            abort();
        return 0;
    }
    if (width * height > MOST_PIXELS)
        return 0;
    reel_image image = {0};
    reel_transform_scratch scratch = {0};
    static float out[SIDE * SIDE * 3];
    const reel_status whole = reel_image_decode(&image, bytes, size, &err);
    if (whole == REEL_OK && (image.width != width || image.height != height))
        abort();
    if (whole != REEL_OK && !err.message[0])
        abort();
    reel_image_facts facts;
    reel_image_inspect(&facts, &image, "fuzz.jpg", bytes, size, &err);
    if (facts.orientation < 0 || facts.orientation > 8)
        abort();
    reel_image_free(&image);
    for (int i = 0; i < 4; i++) {
        const reel_transform t = {.size = SIDE,
                                  .crop = REEL_CROP_RANDOM_RESIZED,
                                  .flip = 0.5,
                                  .decode = i % 2 ? REEL_DECODE_FAST : REEL_DECODE_EXACT,
                                  .exif = i / 2 ? REEL_EXIF_APPLY : REEL_EXIF_IGNORE};
        reel_transform_bytes(&t, bytes, size,
                             reel_rng_at(size, REEL_STREAM_AUGMENT, 0, (uint32_t)i), &scratch, out,
                             &err);
    }
    reel_transform_scratch_free(&scratch);
    return 0;
}

/* The format of that extension. */
static inline int fuzz_format(const char *extension, const uint8_t *bytes, size_t size)
{
    const reel_codec *codec = reel_codec_of_name(extension);
    return codec ? fuzz_codec(codec, bytes, size) : 0;
}

#endif
