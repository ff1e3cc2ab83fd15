/* Direct convolution of 1 x 1 kernels with few channels, in all three passes and with any stride.
 * The matrices are so small that packing the maps costs as much as the arithmetic: here pixels are
 * read where they lie, and only the weights are packed. float32, channels-last. Private to
 * core/kernels.
 *
 * Forward and input gradient have the bits of the blocked matrix product: one running sum over the
 * channels, then the bias. */
#ifndef REEL_CORE_KERNELS_POINTWISE_H
#define REEL_CORE_KERNELS_POINTWISE_H

#include "core/kernels/conv_shape.h"

/* ---- shared by scratch sizes and passes ---- */
typedef struct reel_pointwise_plan {
    int64_t k, n;      /* forward and input gradient: terms of a sum, values of a pixel that is
                          written; weight gradient: rows and columns of the sums */
    bool turned;       /* weight gradient: the sums are (c, oc), else (oc, c) */
    int64_t columns;   /* values of a packed row: n in panels of any instruction set */
    int64_t own;       /* floats of a thread's scratch */
    int64_t tile_rows; /* weight gradient: output rows that are multiplied at a time; */
    int64_t parts;     /* parts of all rows that are summed by themselves */
} reel_pointwise_plan;

reel_pointwise_plan reel_pointwise_plan_of(const reel_conv_shape *s, reel_conv_pass pass);

/* A row of `columns` values in panels of `panel` values; what is left in panels of `vector` values,
 * of which the last reaches back over `skip` values that the one before has, too. */
typedef struct reel_pointwise_panel {
    int64_t at, width, skip;
    int64_t packed; /* where it begins in a packed row */
} reel_pointwise_panel;

static inline int64_t reel_pointwise_panels(int64_t columns, int64_t panel, int64_t vector)
{
    return columns / panel + (columns % panel + vector - 1) / vector;
}

static inline reel_pointwise_panel reel_pointwise_panel_at(int64_t columns, int64_t panel,
                                                           int64_t vector, int64_t number)
{
    const int64_t whole = columns / panel;
    if (number < whole)
        return (reel_pointwise_panel){number * panel, panel, 0, number * panel};
    const int64_t from = whole * panel + (number - whole) * vector;
    const int64_t at = from + vector <= columns ? from : columns - vector;
    return (reel_pointwise_panel){at, vector, from - at, from};
}

#endif
