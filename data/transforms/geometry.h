/* Which part of an image a transform takes and what it becomes, decided on the image's size alone.
 */
#ifndef REEL_DATA_TRANSFORMS_GEOMETRY_H
#define REEL_DATA_TRANSFORMS_GEOMETRY_H

#include "data/transforms/transform.h"

typedef struct reel_geometry {
    reel_rect source;      /* part of the image that is resized */
    int64_t width, height; /* it is resized to this */
    reel_rect window;      /* part of the result that is wanted; where it reaches beyond, pixels are
                              black */
} reel_geometry;

/* t: resolved. Draws from rng for random crops only. */
reel_geometry reel_geometry_choose(const reel_transform *t, int64_t width, int64_t height,
                                   reel_rng *rng);
/* Moves the window to crop `view` of ten: a corner of the centre square, or its middle. */
void reel_geometry_of_ten(reel_geometry *g, const reel_transform *t, int64_t view);
/* The part of the window that lies in the resized image, and how many black pixels lie left of it
 * and above. */
reel_rect reel_geometry_inside(const reel_geometry *g, int64_t *left, int64_t *above);

/* torchvision's RandomResizedCrop: area in scale, aspect in ratio (log-uniform), 10 tries. */
reel_rect reel_random_resized_rect(int64_t width, int64_t height, const double scale[2],
                                   const double ratio[2], reel_rng *rng);
/* Width and height with the shorter side made `side`: torchvision's Resize(side). */
void reel_resized_size(int64_t width, int64_t height, int64_t side, int64_t *new_width,
                       int64_t *new_height);

#endif
