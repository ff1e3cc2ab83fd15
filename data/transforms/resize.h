/* Resizing with the bits of PIL. */
#ifndef REEL_DATA_TRANSFORMS_RESIZE_H
#define REEL_DATA_TRANSFORMS_RESIZE_H

#include "data/image.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Cuts box (left, top, width, height; real numbers within src) and resizes it to (height, width)
 * pixels, bit for bit as PIL's Image.resize(size, BILINEAR, box): two passes in fixed point with 22
 * bits, the horizontal one first. dst is not src. REEL_ERR_INVALID: a box that does not lie in src,
 * or an empty result; REEL_ERR_MEMORY. Calls with different dst may run at the same time. */
REEL_API reel_status reel_image_resize(reel_image *dst, int64_t width, int64_t height,
                                       const reel_image *src, const double box[4], reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
