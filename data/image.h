/* Decoded images: 8-bit RGB, rows top to bottom, 3 interleaved bytes a pixel. */
#ifndef REEL_DATA_IMAGE_H
#define REEL_DATA_IMAGE_H

#include "core/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_image {
    int64_t width, height;
    uint8_t
        *rgb; /* width * height * 3; owned; grows, so that an image can be reused without malloc */
    size_t capacity;
} reel_image;

REEL_API void reel_image_free(reel_image *image);
REEL_API reel_status reel_image_resize_buffer(reel_image *image, int64_t width, int64_t height,
                                              reel_error *err);

/* Decodes by content, whatever the name says. JPEG: 8-bit baseline and progressive; grey, YCbCr,
 * CMYK and YCCK (Adobe's inverted) become RGB as PIL's convert("RGB") does. PNG: palette, grey,
 * alpha (dropped), 16 bit (>> 8), interlaced. Binary PPM and PGM: 8 bit. Refused with
 * REEL_ERR_FORMAT: other content (named), damage, truncation, more than 178,956,970 pixels or than
 * the bytes can hold, a PNG side beyond 1,000,000, more than 500 progressive scans (or more than 20
 * of them on an image so large that it would take seconds). EXIF is not looked at: pixels lie as
 * they are stored (data/codecs/exif.h). */
REEL_API reel_status reel_image_decode(reel_image *image, const uint8_t *bytes, size_t size,
                                       reel_error *err);
/* Width and height from the header alone. */
REEL_API reel_status reel_image_size(const uint8_t *bytes, size_t size, int64_t *width,
                                     int64_t *height, reel_error *err);

/* Baseline JPEG, quality 1..100, written to path (replaced). */
REEL_API reel_status reel_image_write_jpeg(const reel_image *image, const char *path, int quality,
                                           bool full_chroma, reel_error *err);
REEL_API reel_status reel_image_write_png(const reel_image *image, const char *path,
                                          reel_error *err);
/* The same into memory (reel_bytes: data/dataset.h). */
struct reel_bytes;
REEL_API reel_status reel_image_encode_jpeg(const reel_image *image, struct reel_bytes *bytes,
                                            int quality, bool full_chroma, reel_error *err);
REEL_API reel_status reel_image_encode_png(const reel_image *image, struct reel_bytes *bytes,
                                           reel_error *err);

/* Crops box (left, top, width, height; real numbers inside the image) and resizes to dst's width
 * and height with PIL's antialiased bilinear filter, bit for bit as Image.resize(size, BILINEAR,
 * box): two passes with 22-bit fixed point, horizontal first. */
REEL_API reel_status reel_image_resize(reel_image *dst, int64_t width, int64_t height,
                                       const reel_image *src, const double box[4], reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
