/* How a camera was held: the orientation that EXIF stores beside the pixels. */
#ifndef REEL_DATA_EXIF_H
#define REEL_DATA_EXIF_H

#include "core/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is done about it. APPLY: images are turned upright first, as PIL's ImageOps.exif_transpose
 * does. */
typedef enum { REEL_EXIF_IGNORE, REEL_EXIF_APPLY } reel_exif;

/* Orientation tag (0x0112) of the first IFD of a JPEG's EXIF segment or a PNG's eXIf chunk, 1 .. 8;
 * 0 = none, or none that is well formed. 1 = upright, 2 = mirrored, 3 = upside down, 4 = 3
 * mirrored; 5 .. 8: rows are columns, 6 = to be turned clockwise, 8 = counter-clockwise, 5 and 7 =
 * these mirrored. */
REEL_API int reel_exif_orientation(const uint8_t *bytes, size_t size);

#ifdef __cplusplus
}
#endif
#endif
