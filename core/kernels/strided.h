/* Direct gradients of a convolution with a stride, for kernels of several taps: 3 x 3 with stride 2
 * and the like. float32, channels-last. Private to core/kernels.
 *
 * Input gradient: pixels of x with the same remainder of the stride meet the same taps of dy. Such
 * a phase is a convolution without a stride. Where its taps are read from the last to the first,
 * the pixels of dy under a kernel line follow each other. So the few lines of dy that a tile of
 * all phases needs are copied once, with zeros around them, and multiplied where they lie. */
#ifndef REEL_CORE_KERNELS_STRIDED_H
#define REEL_CORE_KERNELS_STRIDED_H

#include "core/kernels/conv_shape.h"

enum { REEL_STRIDED_PHASES = 16 };

/* A phase: the pixels (y + sh u, x + sw v) of x, for u < lines and v < columns. */
typedef struct reel_strided_phase {
    int64_t lines, columns, y, x;
    int64_t taps_y, taps_x, tap_y, tap_x; /* taps of w: how many, and the last of them */
    int64_t in_y, in_x; /* lines and pixels from the start of the copy to the first it reads */
    int64_t weights;    /* floats before its packed weights */
} reel_strided_phase;

typedef struct reel_strided_plan {
    int64_t phases;
    reel_strided_phase phase[REEL_STRIDED_PHASES];
    int64_t low_y, low_x;   /* where the copy for line 0 of the phases begins, in dy */
    int64_t high;           /* lines of the largest phase */
    int64_t images, lines;  /* of a tile: lines of a phase in each of some images; of several images
                               only whole ones */
    int64_t copied, pixels; /* lines of an image that a tile copies; pixels of a line */
    int64_t line;           /* floats from line to line of the copy */
    int64_t rows;           /* pixels that a tile writes in a phase, at most */
    int64_t copy, own;      /* floats of a thread's copy, and of all that it works with */
} reel_strided_plan;

reel_strided_plan reel_strided_plan_of(const reel_conv_shape *s);

/* The weight gradient: a tile of output lines at a time, of which dy and a part of x are packed. */
typedef struct reel_strided_tiles {
    int64_t lines, count; /* lines of all images together */
    int64_t dy_pixel;     /* floats from pixel to pixel of the packed dy */
    int64_t x, own;       /* floats before a thread's packed x; of its scratch */
} reel_strided_tiles;

reel_strided_tiles reel_strided_tiles_of(const reel_conv_shape *s);

#endif
