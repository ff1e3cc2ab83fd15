/* Winograd convolution for few and small images, 3x3 kernels of stride 1, forward: its plan.
 *
 * F(4x4, 3x3) over the points {0, 3/4, -3/4, 3/2, -3/2, infinity}: 36 products where the direct sum
 * has 144. The output of a map of 13 x 13 is 16 tiles, the lanes of one vector of AVX-512 or two of
 * AVX2: so tiles are the columns of the 36 matrix products, and output channels their rows.
 *
 *   M_q (oc x tiles) = U_q (oc x ic) V_q (ic x tiles),  q = 0 ... 35
 *
 * Few images leave little to do with each weight but to read it from memory. So a thread transforms
 * the weights of a few output channels into its second-level cache, uses them once, and forgets
 * them: kept, they would be four times as long to read. Relative L2 error in float32: below 2e-6.
 *
 * All channels-last; channels of a group must be multiples of 16. Private to core/kernels. */
#ifndef REEL_CORE_KERNELS_FEW_TILES_H
#define REEL_CORE_KERNELS_FEW_TILES_H

#include "core/kernels/conv_shape.h"

enum {
    REEL_FEW_TILES_SIDE = 4,      /* outputs a side of a tile */
    REEL_FEW_TILES_POINTS = 6,    /* a side */
    REEL_FEW_TILES_PRODUCTS = 36, /* of a tile */
    REEL_FEW_TILES_LANES = 16,    /* tiles come in whole numbers of these */
    REEL_FEW_TILES_BLOCK = 16,    /* output channels whose weights are transformed at a time */
    REEL_FEW_TILES_DEPTH = 128    /* input channels, at most: U of a block and V of so many fit a
                                     second-level cache of 1 MB */
};

typedef struct reel_few_tiles_plan {
    int64_t ic, oc;                 /* channels of one group */
    int64_t rows, cols, tiles;      /* of an image, of an image, of all images */
    int64_t lanes;                  /* tiles and what fills up the last vector */
    int64_t own;                    /* output channels of a thread, at most */
    int64_t v_step, u_step, m_step; /* floats from one product's matrix to the next; odd multiples
                                       of 16, so that they do not collide in a cache set */
    size_t v_floats, private_floats;
} reel_few_tiles_plan;

reel_few_tiles_plan reel_few_tiles_plan_of(const reel_conv_shape *s, int threads);

#endif
