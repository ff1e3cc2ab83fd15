/* Direct convolution for the first layer of a network: few input channels (c <= 4), so that a
 * kernel row of an image is a run of kw c neighbouring values in memory and neighbouring outputs
 * read it a few values apart. Forward and weight gradient read the image in place in these runs,
 * the input gradient adds to it in them: nothing is gathered into patches. float32, channels-last.
 * Private to core/kernels. */
#ifndef REEL_CORE_KERNELS_FIRST_LAYER_H
#define REEL_CORE_KERNELS_FIRST_LAYER_H

#include "core/kernels/conv_shape.h"

/* Values of a kernel row of first_layer_taps.c: 3 pixels of 3 channels. */
enum { REEL_FIRST_LAYER_RUN = 9 };

/* ---- the plan, shared by scratch sizes and passes ---- */
typedef struct reel_first_layer_plan {
    int64_t run;  /* values of a kernel row: kw c */
    int64_t line; /* values of a padded image row that the outputs of a row read, and room for a
                     vector to read over */
    int64_t bands, rows;  /* bands of output rows an image, rows in a band */
    int64_t lines;        /* image rows that a band reads */
    int64_t rest, spread; /* weight gradient: values of a run behind its last whole vector; of all
                             runs together, in vectors */
    int64_t parts;        /* weight gradient: parts of the batch that are summed by themselves */
    bool by_taps;         /* as reel_first_layer_by_taps says */
    int64_t
        columns; /* input gradient: taps times channels, in whole panels of any instruction set */
} reel_first_layer_plan;

/* Whether first_layer_taps.c computes the pass: 3 x 3 kernels over 3 channels, forward and weight
 * gradient. */
bool reel_first_layer_by_taps(const reel_conv_shape *s, reel_conv_pass pass);
reel_first_layer_plan reel_first_layer_plan_of(const reel_conv_shape *s, reel_conv_pass pass);

/* Floats of one thread's scratch; of the weights, transposed, or of one part's sums. */
int64_t reel_first_layer_own(const reel_conv_shape *s, const reel_first_layer_plan *p,
                             reel_conv_pass pass);
int64_t reel_first_layer_shared(const reel_conv_shape *s, const reel_first_layer_plan *p,
                                reel_conv_pass pass);

#endif
