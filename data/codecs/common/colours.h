/* Colours of one pixel to RGB, with PIL's bits. */
#ifndef REEL_DATA_CODECS_COMMON_COLOURS_H
#define REEL_DATA_CODECS_COMMON_COLOURS_H

#include "core/base.h"

/* Cyan, magenta, yellow, black, 255 = full ink. */
void reel_rgb_of_ink(uint8_t *rgb, const uint8_t *cmyk);

/* Y, Cb, Cr as JPEG has them (ITU-R 601 over the full range). */
void reel_rgb_of_ycc(uint8_t *rgb, const uint8_t *ycc);

#endif
