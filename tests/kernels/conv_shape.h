/* The shape of a convolution with the size of its result. */
#ifndef REEL_TESTS_KERNELS_CONV_SHAPE_H
#define REEL_TESTS_KERNELS_CONV_SHAPE_H

#include "core/kernels/conv.h"

static inline reel_conv_shape shape(int64_t n, int64_t c, int64_t h, int64_t w, int64_t oc,
                                    int64_t kh, int64_t kw, int64_t sh, int64_t sw, int64_t ph,
                                    int64_t pw, int64_t dh, int64_t dw, int64_t groups)
{
    return (reel_conv_shape){.n = n,
                             .c = c,
                             .h = h,
                             .w = w,
                             .oc = oc,
                             .kh = kh,
                             .kw = kw,
                             .sh = sh,
                             .sw = sw,
                             .ph = ph,
                             .pw = pw,
                             .dh = dh,
                             .dw = dw,
                             .groups = groups,
                             .oh = (h + 2 * ph - dh * (kh - 1) - 1) / sh + 1,
                             .ow = (w + 2 * pw - dw * (kw - 1) - 1) / sw + 1};
}

#endif
