/* Depthwise convolution (every channel its own group, one output each), direct, in all three
 * passes. A channel is a lane: the channels of a pixel lie side by side, so vectors run along them
 * and no value is gathered or packed; each tap is one multiply-add on what was loaded. Arithmetic
 * is so little that memory decides. float32, channels-last. Private to core/kernels. */
#ifndef REEL_CORE_KERNELS_DEPTHWISE_H
#define REEL_CORE_KERNELS_DEPTHWISE_H

#include "core/kernels/conv_shape.h"

enum { REEL_DEPTHWISE_TAPS = 64 }; /* most taps of a kernel */

/* ---- shared by scratch sizes and passes ---- */

/* Along one axis: taps tap, tap + tap_step, ... (count of them) of an output coordinate meet input
 * at, at + at_step, ... The steps are the same for all coordinates. In the input gradient x is what
 * is written, and dy what is read. */
typedef struct reel_depthwise_met {
    int64_t count, tap, at;
} reel_depthwise_met;

typedef struct reel_depthwise_axis {
    reel_depthwise_met *met; /* one for each coordinate that is written */
    int64_t tap_step, at_step;
} reel_depthwise_axis;

/* What a call keeps in scratch. */
typedef struct reel_depthwise_plan {
    reel_depthwise_axis y, x;
    int64_t parts; /* weight gradient: parts of the rows that are summed by themselves: a function
                      of the shape */
    int64_t tap_step; /* floats from tap to tap: all channels, and no power of two, so that taps
                         share no cache set */
    float *floats;    /* weights, tap by tap; or the parts' sums */
} reel_depthwise_plan;

reel_depthwise_plan reel_depthwise_plan_make(const reel_conv_shape *s, reel_conv_pass pass,
                                             void *scratch);

/* What four neighbouring pixels ask the caches for while they are computed: values that the pixels
 * below them will read first. That is `rows` rows of what is read, `row` being the first; in each,
 * `runs` runs of `pixels` pixels, which begin `apart` pixels from each other. It is never more than
 * the four pixels read themselves, whatever the stride. back: in the input gradient. y: what the
 * row of the four pixels meets. */
typedef struct reel_depthwise_ahead {
    int64_t row, rows, runs, pixels, apart;
} reel_depthwise_ahead;
reel_depthwise_ahead reel_depthwise_look_ahead(const reel_conv_shape *s, bool back,
                                               const reel_depthwise_met *y);

#endif
