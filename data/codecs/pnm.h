/* Pixels as a binary PPM or PGM: how sources of bare pixels and packs hand their images on. */
#ifndef REEL_DATA_CODECS_PNM_H
#define REEL_DATA_CODECS_PNM_H

#include "data/bytes.h"
#include "data/image.h"

/* Writes the header of an image of 3 channels (PPM) or 1 (PGM) and makes room for its pixels:
 * (height, width, channels) bytes, which the caller writes to *pixels. */
reel_status reel_pnm_begin(reel_bytes *bytes, int64_t width, int64_t height, int channels,
                           uint8_t **pixels, reel_error *err);
/* The image as a PPM. */
reel_status reel_pnm_write(reel_bytes *bytes, const reel_image *image, reel_error *err);

#endif
