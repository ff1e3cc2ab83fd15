/* Convolution with a stride and few input channels, as the first layers of many networks have, by
 * its phases and Winograd's minimal filtering; forward and weight gradient.
 *
 * Row y sh + a and column x sw + b of the image are phase (a, b) at (y, x); the kernel is cut the
 * same way, with zeros behind its ends. A convolution of stride s over c channels is thus one of
 * stride 1 over sh sw c channels, with r = ceil(k / s) taps a side: the polyphase decomposition
 * (Vaidyanathan 1993, "Multirate Systems and Filter Banks"). On the 7 points of winograd.h
 * (Winograd 1980; Lavin and Gray 2016) that becomes:
 *
 *   F(5x5, 3x3)   11x11 of stride 4 over 3 channels, as 3x3 over 48; 5x5 of stride 2
 *   F(4x4, 4x4)   7x7 of stride 2 over 3 channels, as 4x4 over 12
 *   F(6x6, 2x2)   3x3 of stride 2
 *   F(3x3, 5x5)   9x9 of stride 2
 *
 * The weight gradient is F(rxr, mxm), the same points with the roles exchanged. A stride of 1 has
 * one phase.
 *
 * Relative L2 error in float32 for the first layer of AlexNet: 1.4e-6 in both passes.
 * float32, channels-last. Private to core/kernels. */
#ifndef REEL_CORE_KERNELS_POLYPHASE_H
#define REEL_CORE_KERNELS_POLYPHASE_H

#include "core/kernels/conv_shape.h"

enum { REEL_POLYPHASE_STRIDE = 8 }; /* the longest */

/* ---- the plan, shared by scratch sizes and passes; sizes in floats ---- */
typedef struct reel_polyphase_plan {
    int64_t r, m;            /* taps and outputs a side; m + r - 1 = 7 */
    int64_t run;             /* values of a phase row's pixel that are neighbours in memory: sw c */
    int64_t depth;           /* channels of a phase pixel: sh sw c */
    int64_t rows, cols;      /* tiles an image */
    int64_t group;           /* rows of tiles that a thread works on at a time */
    int64_t groups;          /* of an image */
    int64_t pixels;          /* phase pixels that a row of tiles reads */
    int64_t line;            /* a row of phase pixels, and room for a vector to reach over */
    int64_t lines;           /* rows of phase pixels that a group reads */
    int64_t v_row, v_step;   /* of the transformed image: a tile; all tiles of a point */
    int64_t d_step;          /* forward: products of a point; weight gradient: dy of a point */
    int64_t u_step;          /* transformed weights, or their sums, of a point */
    int64_t gradient_line;   /* weight gradient: a row of dy in whole tiles */
    int64_t parts;           /* weight gradient: parts of the batch that are summed by themselves */
    int64_t shared, private; /* of all threads; of one */
} reel_polyphase_plan;

reel_polyphase_plan reel_polyphase_plan_of(const reel_conv_shape *s, reel_conv_pass pass);

#endif
