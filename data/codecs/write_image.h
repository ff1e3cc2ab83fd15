/* Images to JPEG and PNG: for drawn datasets, packs, reports and tests. All calls may run at the
 * same time. */
#ifndef REEL_DATA_CODECS_WRITE_IMAGE_H
#define REEL_DATA_CODECS_WRITE_IMAGE_H

#include "data/bytes.h"
#include "data/image.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Baseline JPEG, quality 1 to 100, chroma at half the size unless full_chroma. Replaces path; a
 * file that could not be written whole is removed. REEL_ERR_INVALID: an empty or too large image,
 * another quality; REEL_ERR_IO. */
REEL_API reel_status reel_image_write_jpeg(const reel_image *image, const char *path, int quality,
                                           bool full_chroma, reel_error *err);
/* 8-bit RGB PNG. Errors as above. */
REEL_API reel_status reel_image_write_png(const reel_image *image, const char *path,
                                          reel_error *err);
/* The same into memory; bytes->size is set. */
REEL_API reel_status reel_image_encode_jpeg(const reel_image *image, reel_bytes *bytes, int quality,
                                            bool full_chroma, reel_error *err);
REEL_API reel_status reel_image_encode_png(const reel_image *image, reel_bytes *bytes,
                                           reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
