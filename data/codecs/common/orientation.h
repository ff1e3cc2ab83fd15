/* EXIF's orientation out of TIFF bytes: for the codecs of formats that carry EXIF. */
#ifndef REEL_DATA_CODECS_COMMON_ORIENTATION_H
#define REEL_DATA_CODECS_COMMON_ORIENTATION_H

#include "core/base.h"

/* tiff: `length` bytes from the header with the byte order on ("II*" or "MM*"). The orientation of
 * the first IFD, 1 to 8; 0 = none, or damaged. */
int reel_tiff_orientation(const uint8_t *tiff, size_t length);

#endif
