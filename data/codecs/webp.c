/* WebP through libwebp: lossy and lossless, alpha dropped, the first frame of an animation.
 *
 * The file is a RIFF container: chunks of a name (4 bytes), a length (4, little endian) and data,
 * which is padded to an even length. libwebp reads still images from it. The first frame of an
 * animation is found here, so that libwebpdemux is not needed: it is drawn on a black canvas, as
 * PIL does. Format: RFC 9649. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data/codecs/codec.h"
#include "data/codecs/common/library.h"
#include "data/codecs/common/orientation.h"

#ifdef REEL_HAVE_WEBP
#include <webp/decode.h>
#endif

enum { CONTAINER_HEADER = 12, CHUNK_HEADER = 8, FRAME_HEADER = 16 };

struct webp_chunk {
    const uint8_t *name, *data; /* name: 4 bytes */
    size_t size;
};

static uint32_t little_endian(const uint8_t *p, int bytes)
{
    uint32_t value = 0;
    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

/* The chunk at *at, which moves behind it; false = there is no whole one. */
static bool next_chunk(const uint8_t *bytes, size_t length, size_t *at, struct webp_chunk *c)
{
    if (*at > length || length - *at < CHUNK_HEADER)
        return false;
    c->name = bytes + *at;
    c->data = c->name + CHUNK_HEADER;
    c->size = little_endian(c->name + 4, 4);
    if (c->size > length - *at - CHUNK_HEADER)
        return false;
    *at += CHUNK_HEADER + c->size + c->size % 2;
    return true;
}

static bool find_chunk(const uint8_t *bytes, size_t length, const char *name, struct webp_chunk *c)
{
    for (size_t at = CONTAINER_HEADER; next_chunk(bytes, length, &at, c);)
        if (memcmp(c->name, name, 4) == 0)
            return true;
    return false;
}

static bool webp_sniff(const uint8_t *bytes, size_t length)
{
    return length >= CONTAINER_HEADER + 4 && memcmp(bytes, "RIFF", 4) == 0 &&
           memcmp(bytes + 8, "WEBPVP8", 7) == 0;
}

/* The header of files with more than pixels (VP8X) begins with flags, which tell of EXIF, too. Some
 * writers put JPEG's mark before the TIFF bytes. */
static int webp_orientation(const uint8_t *bytes, size_t length)
{
    static const uint8_t mark[6] = {'E', 'x', 'i', 'f', 0, 0};
    enum { HAS_EXIF = 8 };
    struct webp_chunk c;
    if (!find_chunk(bytes, length, "VP8X", &c) || c.size < 1 || !(c.data[0] & HAS_EXIF) ||
        !find_chunk(bytes, length, "EXIF", &c))
        return 0;
    const size_t skipped =
        c.size >= sizeof mark && memcmp(c.data, mark, sizeof mark) == 0 ? sizeof mark : 0;
    return reel_tiff_orientation(c.data + skipped, c.size - skipped);
}

static bool webp_has_profile(const uint8_t *bytes, size_t length)
{
    struct webp_chunk c;
    return find_chunk(bytes, length, "ICCP", &c);
}

#ifndef REEL_HAVE_WEBP

REEL_CODEC_WITHOUT_LIBRARY(webp, "WebP", "libwebp", "libwebp-dev")

#else

static reel_status webp_refuse(VP8StatusCode code, reel_error *err)
{
    static const char *const reasons[] = {
        [VP8_STATUS_INVALID_PARAM] = "an invalid parameter",
        [VP8_STATUS_BITSTREAM_ERROR] = "damaged data",
        [VP8_STATUS_UNSUPPORTED_FEATURE] = "a feature that libwebp does not support",
        [VP8_STATUS_SUSPENDED] = "the file ends early",
        [VP8_STATUS_USER_ABORT] = "aborted",
        [VP8_STATUS_NOT_ENOUGH_DATA] = "the file ends early",
    };
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the WebP decoder");
    const bool known = (int64_t)code < REEL_COUNT(reasons) && reasons[code];
    return reel_fail(err, REEL_ERR_FORMAT, "WebP: %s", known ? reasons[code] : "damaged data");
}

static reel_status webp_size(reel_decoding *d, reel_error *err)
{
    WebPBitstreamFeatures features;
    if (little_endian(d->bytes + 4, 4) > d->length - CHUNK_HEADER)
        return reel_fail(err, REEL_ERR_FORMAT, "WebP: the file ends early");
    const VP8StatusCode code = WebPGetFeatures(d->bytes, d->length, &features);
    if (code != VP8_STATUS_OK)
        return webp_refuse(code, err);
    d->width = features.width;
    d->height = features.height;
    return reel_check_pixels("WebP", d->width, d->height, err);
}

/* Decodes a still image of width x height to `rgb`, whose rows are as wide as the canvas. */
static reel_status decode_still(const uint8_t *bytes, size_t length, const reel_rect *at,
                                reel_image *canvas, reel_error *err)
{
    WebPDecoderConfig config;
    WebPBitstreamFeatures features;
    if (!WebPInitDecoderConfig(&config))
        return reel_fail(err, REEL_ERR_INVALID, "the libwebp in use is another than was built for");
    const VP8StatusCode code = WebPGetFeatures(bytes, length, &features);
    if (code != VP8_STATUS_OK)
        return webp_refuse(code, err);
    if (features.width != at->w || features.height != at->h)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "WebP: pixels of %d x %d, expected the header's %" PRId64 " x %" PRId64,
                         features.width, features.height, at->w, at->h);

    const int64_t stride = canvas->width * 3;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = canvas->rgb + at->y * stride + at->x * 3;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = (size_t)(stride * (at->h - 1) + at->w * 3);
    const VP8StatusCode decoded = WebPDecode(bytes, length, &config);
    WebPFreeDecBuffer(&config.output);
    return decoded == VP8_STATUS_OK ? REEL_OK : webp_refuse(decoded, err);
}

/* ANMF: left / 2, top / 2, width - 1, height - 1, duration (3 bytes each), flags (1), then the
 * chunks of a still image, which libwebp reads without a container, too. */
static reel_status decode_first_frame(const reel_decoding *d, reel_error *err)
{
    struct webp_chunk c;
    if (!find_chunk(d->bytes, d->length, "ANMF", &c) || c.size < FRAME_HEADER)
        return reel_fail(err, REEL_ERR_FORMAT, "WebP: animation without a whole frame");
    const reel_rect at = {.x = 2 * (int64_t)little_endian(c.data, 3),
                          .y = 2 * (int64_t)little_endian(c.data + 3, 3),
                          .w = (int64_t)little_endian(c.data + 6, 3) + 1,
                          .h = (int64_t)little_endian(c.data + 9, 3) + 1};
    if (at.x + at.w > d->width || at.y + at.h > d->height)
        return reel_fail(err, REEL_ERR_FORMAT, "WebP: the first frame lies outside the image");

    memset(d->image->rgb, 0, (size_t)(d->width * d->height * 3));
    return decode_still(c.data + FRAME_HEADER, c.size - FRAME_HEADER, &at, d->image, err);
}

static reel_status webp_decode(reel_decoding *d, reel_error *err)
{
    WebPBitstreamFeatures features;
    const VP8StatusCode code = WebPGetFeatures(d->bytes, d->length, &features);
    if (code != VP8_STATUS_OK)
        return webp_refuse(code, err);
    REEL_TRY(reel_image_resize_buffer(d->image, d->width, d->height, err));
    if (features.has_animation)
        return decode_first_frame(d, err);
    return decode_still(d->bytes, d->length, &(reel_rect){0, 0, d->width, d->height}, d->image,
                        err);
}

#endif

const reel_codec reel_codec_webp =
    REEL_CODEC(webp, .name = "WebP", .what = "a WebP image", .extensions = ".webp",
               .orientation = webp_orientation, .has_profile = webp_has_profile);
