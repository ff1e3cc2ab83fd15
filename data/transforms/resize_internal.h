/* The resize row by row, for those that want part of the result or the rows one at a time. */
#ifndef REEL_DATA_TRANSFORMS_RESIZE_INTERNAL_H
#define REEL_DATA_TRANSFORMS_RESIZE_INTERNAL_H

#include "core/ctx.h"
#include "core/files/model_card.h"
#include "data/bytes_internal.h"
#include "data/transforms/resize.h"

/* What is to be done: `box` of src (left, top, right, bottom, in its pixels) becomes width x height
 * pixels, of which `window` is wanted. The bits are those of resizing everything and cutting the
 * window out, and the same for every isa. */
typedef struct reel_resizing {
    reel_view src;
    double box[4];
    int64_t width, height;
    reel_rect window;
    reel_isa isa; /* the widest vectors to use */
    reel_interpolation how;
} reel_resizing;

/* The filter along one axis for outputs first .. first + n - 1: output i sums count[i] sources from
 * begin[i] on, with the weights at i * taps. Weights beyond count[i] are 0. */
typedef struct reel_axis {
    int64_t n, taps, most; /* most: the largest count */
    int32_t *begin, *count, *weight;
    bool clip; /* some weights are negative: sums may leave the range of a byte */
} reel_axis;

typedef struct reel_resizer {
    reel_axis v;
    bool down;           /* is there a vertical pass? */
    const uint8_t *from; /* row `first` of what the vertical pass reads */
    int64_t stride, first;
    int64_t n; /* bytes a row */
    int best;  /* place in resize.c's table of the widest vectors that may be used */
} reel_resizer;

/* begin does the first pass, or both; row yields row y of the window, 3 * window.w bytes. src and
 * scratch must stay until the last row. */
reel_status reel_resizer_begin(reel_resizer *r, const reel_resizing *what, reel_buffer *scratch,
                               reel_error *err);
void reel_resizer_row(const reel_resizer *r, int64_t y, uint8_t *dst);

/* All rows of the window, `stride` bytes apart. */
reel_status reel_resize_window(uint8_t *dst, int64_t stride, const reel_resizing *what,
                               reel_buffer *scratch, reel_error *err);

/* One row of the vertical pass, `n` bytes: byte i is the sum over k < count of src[k stride + i]
 * weight[k]. clip: the sum may leave the range of a byte. */
typedef struct reel_column_sum {
    const uint8_t *src;
    int64_t stride, n, count;
    const int32_t *weight;
    bool clip;
} reel_column_sum;

/* Both passes in the vectors of one instruction set. They read up to 15 bytes behind the last pixel
 * that a row needs, but nothing behind the last row. False: the shape is too small, nothing was
 * done. across writes 4 bytes an output pixel, the last of which belongs to the next: rows of dst
 * need 4 bytes more than 3 * h->n. */
typedef struct reel_resize_kernels {
    const char *isa; /* its name, see reel_isa_name */
    bool (*across)(uint8_t *dst, int64_t dst_stride, const reel_view *src, int64_t rows,
                   const reel_axis *h);
    bool (*down)(uint8_t *dst, const reel_column_sum *sum);
} reel_resize_kernels;

/* resize_avx2.c, resize_avx512.c; only on x86-64. */
extern const reel_resize_kernels reel_resize_kernels_avx2, reel_resize_kernels_avx512;

#endif
