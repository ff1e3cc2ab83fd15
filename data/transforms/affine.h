/* Images moved by an affine map, with the bits of PIL. All images are (height, width, 3) bytes
 * without gaps; dst is not src. Pixels from outside the image are black. */
#ifndef REEL_DATA_TRANSFORMS_AFFINE_H
#define REEL_DATA_TRANSFORMS_AFFINE_H

#include "core/files/model_card.h"
#include "data/image.h"

/* PIL's Image.transform(size, AFFINE, m, how, fillcolor=0): the pixel at (x, y) comes from
 * (m0 x + m1 y + m2, m3 x + m4 y + m5), where pixels' centres lie at halves. Nearest: up to 16,384
 * pixels a side, and no place beyond 32,768. */
void reel_affine(uint8_t *dst, const uint8_t *src, int64_t width, int64_t height, const double m[6],
                 reel_interpolation how);

/* PIL's Image.rotate(degrees, how, fillcolor=0): counter-clockwise about the middle. */
void reel_rotate(uint8_t *dst, const uint8_t *src, int64_t width, int64_t height, double degrees,
                 reel_interpolation how);

/* Moved by whole pixels, to the right and down: an affine map that needs no interpolation. */
void reel_translate(uint8_t *dst, const uint8_t *src, int64_t width, int64_t height, int64_t right,
                    int64_t down);

#endif
