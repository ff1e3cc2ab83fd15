/* Plan of the direct convolution by tiles of bf16, for maps in bf16 on instruction sets that have
 * tiles. The arithmetic is in templates/tiles_conv*. Private to core's kernels.
 *
 * A map is copied with zeros around it, as lines of `pitch` pixels. A position is a place in that
 * copy, line after line; output pixel (y, x) is position y pitch + x, and tap (i, j) of the kernel
 * meets position p at p + i pitch + j. Positions behind the end of an output line are computed and
 * dropped. The zeros on the right of a line are those on the left of the next one. */
#ifndef REEL_CORE_KERNELS_TILES_CONV_H
#define REEL_CORE_KERNELS_TILES_CONV_H

#include "core/kernels/conv_shape.h"

enum {
    REEL_TILES_SIDE = 32,          /* positions, channels and terms of a block of 2 x 2 tiles */
    REEL_TILES_BLOCK_BYTES = 2048, /* 32 terms of 32 columns, in bf16 */
    /* bf16 numbers that a weight is the sum of. */
    REEL_TILES_FORWARD_LIMBS = 2,
    REEL_TILES_GRAD_LIMBS = 1
};

/* A map (n, h, w, c) and how its copy begins: at line and column -top, -left of an image. */
typedef struct reel_tiles_map {
    int64_t h, w, c, top, left;
} reel_tiles_map;

/* A unit is a band of output lines of one image: all of them where the copies stay in the cache. */
typedef struct reel_tiles_plan {
    reel_tiles_map in, out; /* in: x, or dy for the input gradient; the weight gradient: x, dy */
    int64_t groups, kh, kw;
    int64_t pitch;        /* pixels of a copied line */
    int64_t bands, lines; /* of an image, and output lines of each but the last */
    int64_t units;        /* bands of all images */
    int64_t together;     /* units that a thread takes at once; no bits depend on it */
    int64_t pixels;       /* of a copy, with zeros behind the last line */

    /* Forward and input gradient. */
    int64_t limbs;  /* of a weight */
    int64_t steps;  /* of a sum: 32 channels of a tap each */
    int64_t panels; /* of 32 output channels of one group, all groups */
    size_t weight_bytes, offset_bytes, own_bytes; /* own: of a thread */

    /* Weight gradient: threads share out rectangles of blocks of output and input channels. */
    int64_t share_o, share_c; /* number of shares */
    int64_t most_o, most_c;   /* channels of the largest share */
    int64_t row;              /* positions in a row of x^T */
    size_t sum_bytes, copy_bytes, x_bytes, dy_bytes;
} reel_tiles_plan;

reel_tiles_plan reel_tiles_plan_apply(const reel_conv_shape *s, bool input_grad, int threads);
reel_tiles_plan reel_tiles_plan_weight_grad(const reel_conv_shape *s, int threads);

/* Output lines of a band, and blocks of 32 positions that hold them. */
static inline int64_t reel_tiles_lines(const reel_tiles_plan *p, int64_t band)
{
    const int64_t left = p->out.h - band * p->lines;
    return left < p->lines ? left : p->lines;
}

static inline int64_t reel_tiles_positions(const reel_tiles_plan *p, int64_t lines)
{
    return (lines - 1) * p->pitch + p->out.w;
}

#endif
