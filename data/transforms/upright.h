/* Pixels put upright by their EXIF orientation, and where a part of the upright image lies in the
 * stored one. */
#ifndef REEL_DATA_TRANSFORMS_UPRIGHT_H
#define REEL_DATA_TRANSFORMS_UPRIGHT_H

#include "data/image.h"

/* Do the image's rows become columns? */
bool reel_exif_swaps(int orientation);
/* Where a part of the upright image lies in the stored one, of width x height pixels. */
reel_rect reel_exif_stored(int orientation, int64_t width, int64_t height,
                           const reel_rect *upright);
/* The other way: a box (left, top, right, bottom) of a stored part of width x height pixels becomes
 * that of the upright part. */
void reel_exif_upright_box(int orientation, int64_t width, int64_t height, double box[4]);
/* Copies the pixels as the orientation (1 to 8) says. stored must not lie in upright. */
reel_status reel_exif_turn(reel_image *upright, int orientation, const reel_view *stored,
                           reel_error *err);

#endif
