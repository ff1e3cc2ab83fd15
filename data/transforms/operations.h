/* The image operations that policies of auto-augmentation choose from: one table. */
#ifndef REEL_DATA_TRANSFORMS_OPERATIONS_H
#define REEL_DATA_TRANSFORMS_OPERATIONS_H

#include "core/files/model_card.h"

/* An image that operations change: (height, width, 3) bytes without gaps, and room for as many.
 * Operations may exchange the two. */
typedef struct reel_picture {
    uint8_t *rgb, *spare;
    int64_t width, height;
} reel_picture;

typedef enum {
    REEL_OPERATION_IDENTITY,
    REEL_OPERATION_SHEAR_X, /* magnitude: pixels to the left per pixel down */
    REEL_OPERATION_SHEAR_Y,
    REEL_OPERATION_TRANSLATE_X, /* pixels to the right; fractions are cut */
    REEL_OPERATION_TRANSLATE_Y, /* pixels down */
    REEL_OPERATION_ROTATE,      /* degrees, counter-clockwise */
    REEL_OPERATION_BRIGHTNESS,  /* this and the next three: a factor of 1 + magnitude */
    REEL_OPERATION_COLOR,
    REEL_OPERATION_CONTRAST,
    REEL_OPERATION_SHARPNESS,
    REEL_OPERATION_POSTERIZE, /* bits that are kept, 0 to 8 */
    REEL_OPERATION_SOLARIZE,  /* the least byte that is inverted */
    REEL_OPERATION_AUTO_CONTRAST,
    REEL_OPERATION_EQUALIZE,
    REEL_OPERATION_INVERT,
    REEL_N_OPERATIONS
} reel_operation;

/* torchvision's name: "ShearX". */
const char *reel_operation_name(reel_operation operation);

/* What torchvision's autoaugment does to a PIL image, bit for bit; how: of shears and rotations. */
void reel_operation_apply(reel_operation operation, reel_picture *picture, double magnitude,
                          reel_interpolation how);

#endif
