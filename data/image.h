/* Decoded images: 8-bit RGB, rows from top to bottom, 3 interleaved bytes a pixel. */
#ifndef REEL_DATA_IMAGE_H
#define REEL_DATA_IMAGE_H

#include "core/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The most pixels an image may claim (PIL's limit). It is checked on the header, before anything of
 * that size is allocated. */
#define REEL_MAX_PIXELS ((int64_t)178956970)

/* An image and its memory, which grows and is kept: decoding image after image needs no malloc.
 * Zero-initialise; free at the end. Belongs to one thread. */
typedef struct reel_image {
    int64_t width, height; /* in pixels */
    uint8_t *rgb;          /* (height, width, 3), owned */
    size_t capacity;       /* of rgb, in bytes */
} reel_image;

/* A rectangle of an image, in pixels: left, top, width, height. */
typedef struct reel_rect {
    int64_t x, y, w, h;
} reel_rect;

/* Pixels that belong to somebody else; `stride` bytes from one row to the next. */
typedef struct reel_view {
    const uint8_t *rgb;
    int64_t width, height, stride;
} reel_view;

REEL_API void reel_image_free(reel_image *image);

/* Gives the image this size; its pixels are undefined afterwards. REEL_ERR_INVALID: a side below 1,
 * or more than REEL_MAX_PIXELS; REEL_ERR_MEMORY. */
REEL_API reel_status reel_image_resize_buffer(reel_image *image, int64_t width, int64_t height,
                                              reel_error *err);

/* For decoders: refuses the size that a header claims where no image may have it, with
 * REEL_ERR_FORMAT and the format's name. */
REEL_API reel_status reel_check_pixels(const char *format, int64_t width, int64_t height,
                                       reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
