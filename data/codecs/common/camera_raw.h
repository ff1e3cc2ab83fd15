/* Camera RAW files that are TIFF inside: for the TIFF codec, which must not take them, and for
 * messages. */
#ifndef REEL_DATA_CODECS_COMMON_CAMERA_RAW_H
#define REEL_DATA_CODECS_COMMON_CAMERA_RAW_H

#include "core/base.h"

/* What these TIFF bytes are: "a camera RAW photograph (CR2)", ...; NULL = no camera RAW. */
const char *reel_camera_raw(const uint8_t *bytes, size_t length);

#endif
