/* Convolution by Winograd's minimal filtering over 7 points (Winograd 1980; Lavin and Gray 2016,
 * "Fast algorithms for convolutional neural networks"), for 3x3 and 5x5 kernels of stride 1, in all
 * three passes.
 *
 * One 7x7 tile over the points {1/4, -1/4, 7/8, -7/8, 7/4, -7/4, infinity} serves everything:
 *   F(5x5, 3x3)   forward and input gradient of 3x3 kernels; weight gradient of 5x5 kernels
 *   F(3x3, 5x5)   forward and input gradient of 5x5 kernels; weight gradient of 3x3 kernels
 * Each replaces 225 multiplications by 49 (4.59 times fewer). Per point, the sum over channels (or
 * over tiles, for the weight gradient) is a plain matrix product; 49 of them are the convolution.
 * Relative L2 error in float32: about 1.3e-6 forward, where sums over channels are taken 32 at a
 * time, 3e-6 for the gradients.
 *
 * All channels-last; channels of a group must be multiples of 16. Private to core/kernels. */
#ifndef REEL_CORE_KERNELS_WINOGRAD_H
#define REEL_CORE_KERNELS_WINOGRAD_H

#include "core/kernels/conv_shape.h"

enum { REEL_WINOGRAD_POINTS = 7, REEL_WINOGRAD_PRODUCTS = 49 };

/* True where the shape can run; otherwise *why_not says what it wants. */
bool reel_winograd_accepts(const reel_conv_shape *s, const char **why_not);

/* ---- the plan, shared by scratch sizes and passes ---- */

/* A convolution seen as input -> output over tiles: forward, or the input gradient with the roles
 * exchanged. */
typedef struct reel_winograd_plan {
    int64_t m, r;   /* outputs and taps a side; m + r - 1 = 7 */
    int64_t ic, oc; /* channels of one group, on the reading and on the writing side */
    /* How many there are where only some go through at a time: of the writing side (apply), of the
     * reading side (weight gradient). The last part may have fewer. */
    int64_t all;
    int64_t rows, cols;     /* tiles an image */
    int64_t tiles;          /* of all images */
    bool shared;            /* a group of tiles is worked on by all threads together, else by one */
    int64_t depth;          /* channels summed at a time; what they come to is then added up */
    int64_t group;          /* at most as many tiles worked on at a time */
    int64_t v_step, m_step; /* floats from one point's matrix to the next; odd multiples of 16, so
                               that points do not collide in a cache set */
    int64_t u_step; /* likewise; apply: of 32 output channels, weight gradient: of all sums */
    size_t u_floats, shared_floats, private_floats;
} reel_winograd_plan;

reel_winograd_plan reel_winograd_plan_apply(const reel_conv_shape *s, bool input_grad);
reel_winograd_plan reel_winograd_plan_weight_grad(const reel_conv_shape *s);

#endif
