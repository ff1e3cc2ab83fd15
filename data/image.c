/* The RGB image's buffer: it grows and is kept, so that a worker decodes image after image without
 * malloc. */
#include "data/image.h"

#include <inttypes.h>
#include <stdlib.h>

void reel_image_free(reel_image *image)
{
    if (!image)
        return;
    free(image->rgb);
    *image = (reel_image){0};
}

reel_status reel_image_resize_buffer(reel_image *image, int64_t width, int64_t height,
                                     reel_error *err)
{
    REEL_NEED(image, err);

    if (width < 1 || height < 1 || width > REEL_MAX_PIXELS / height)
        return reel_fail(err, REEL_ERR_INVALID,
                         "image of %" PRId64 " x %" PRId64
                         " pixels, expected at least 1 x 1 and at most %" PRId64 " pixels",
                         width, height, REEL_MAX_PIXELS);

    /* Contents need not survive, so nothing is copied as realloc would. */
    const size_t bytes = (size_t)(width * height) * 3;
    if (bytes > image->capacity) {
        free(image->rgb);
        *image = (reel_image){0};
        image->rgb = malloc(bytes);
        if (!image->rgb)
            return reel_fail(err, REEL_ERR_MEMORY,
                             "no memory for an image of %" PRId64 " x %" PRId64 " pixels", width,
                             height);
        image->capacity = bytes;
    }

    image->width = width;
    image->height = height;
    return REEL_OK;
}

reel_status reel_check_pixels(const char *format, int64_t width, int64_t height, reel_error *err)
{
    if (width < 1 || height < 1)
        return reel_fail(err, REEL_ERR_FORMAT, "%s image without pixels", format);
    if (width > REEL_MAX_PIXELS / height)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s image claims %" PRId64 " x %" PRId64
                         " pixels, expected at most %" PRId64,
                         format, width, height, REEL_MAX_PIXELS);
    return REEL_OK;
}
