/* Winograd's transforms of whole tiles: from an image map to points, and back. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_WINOGRAD_TILE_H
#define REEL_CORE_KERNELS_TEMPLATES_WINOGRAD_TILE_H

#include "core/kernels/templates/vector_bf16.h"
#include "core/kernels/templates/winograd_transform.h"
#include "core/kernels/winograd.h"

/* P: points a side; SET: so many panels of channels are worked on together. */
enum { P = REEL_WINOGRAD_POINTS, SET = WIDE_ROWS ? 2 : 1 };

/* Of a stretch of tiles, those that have a point: `count` tiles behind the first `skip`. */
typedef struct place_range {
    int64_t skip, count;
} place_range;

/* For point q, of the tiles at `count` places from `first` on. */
KERNEL_INLINE place_range tiles_with(const reel_winograd_plan *p, int64_t q, int64_t first,
                                     int64_t count)
{
    const reel_winograd_tiles all = reel_winograd_tiles_of(p, (int)(q / P), (int)(q % P));
    const int64_t begin = most(all.first, first), end = least(all.end, first + count);
    return end > begin ? (place_range){begin - first, end - begin} : (place_range){0, 0};
}

/* An image map as tiles see it. */
typedef struct map {
    const void *data;
    bool bf16;            /* stored in bf16, else in float32 */
    int64_t h, w, c;      /* c: numbers from pixel to pixel */
    int64_t top, left;    /* the pixel of the tiles' first output */
    int64_t down, across; /* pixels from row to row and from column to column of a tile */
} map;

/* Pixels, outputs or points a side of a tile. */
typedef struct tile_size {
    int rows, cols;
} tile_size;

/* A tile's size: `full` a side, one less where it is not tall or not wide. whole: it is both, which
 * the compiler knows where the transforms are inlined. */
KERNEL_INLINE tile_size size_of(const reel_winograd_tile *tile, const int full, const bool whole)
{
    return (tile_size){whole || tile->tall ? full : full - 1,
                       whole || tile->wide ? full : full - 1};
}

/* The map, or what lies at `data`, from number `at` on. */
KERNEL_INLINE const char *numbers_from(const map *x, const void *data, int64_t at)
{
    return (const char *)data + (size_t)at * (x->bf16 ? sizeof(reel_bf16) : sizeof(float));
}

/* The map of the channels from c on. */
KERNEL_INLINE map channels_from(const map *x, int64_t c)
{
    map part = *x;
    part.data = numbers_from(x, x->data, c);
    return part;
}

/* Addresses of a tile's pixels, `full` a side, row by row; pixels outside the map or beyond the
 * tile's size read zeros. */
KERNEL_INLINE void tile_pixels(const map *x, const reel_winograd_tile *tile, const int full,
                               const void **pixel)
{
    const int64_t top = x->top + tile->top, left = x->left + tile->left;
    const tile_size size = size_of(tile, full, false);
    const char *base = numbers_from(x, x->data, tile->image * x->h * x->w * x->c);
    for (int i = 0; i < full; i++)
        for (int j = 0; j < full; j++) {
            const int64_t y = top + i * x->down, z = left + j * x->across;
            const bool inside =
                i < size.rows && j < size.cols && y >= 0 && y < x->h && z >= 0 && z < x->w;
            pixel[i * full + j] = inside ? numbers_from(x, base, (y * x->w + z) * x->c) : NULL;
        }
}

KERNEL_INLINE vec load_number(const bool bf16, const void *from, int64_t i)
{
    return bf16 ? load_bf16((const reel_bf16 *)from + i) : load((const float *)from + i);
}

KERNEL_INLINE void store_number(const bool bf16, void *to, int64_t i, vec v)
{
    if (bf16)
        store_bf16((reel_bf16 *)to + i, v);
    else
        store((float *)to + i, v);
}

KERNEL_INLINE vec load_pixel(const bool bf16, const void *pixel, int64_t channel)
{
    return pixel ? load_number(bf16, pixel, channel) : (vec){0};
}

/* Where a transform puts point q: to + q step, channel by channel. */
typedef struct points_to {
    float *to;
    int64_t step;
} points_to;

/* A row of points, with infinity or without. */
KERNEL_INLINE void store_points(const int points, points_to at, int row, int64_t channel,
                                const vec column[P])
{
    float *to = at.to + row * P * at.step + channel;
    UNROLLED_FOR(j, points)
        store(to + j * at.step, column[j]);
}

KERNEL_INLINE void tile_input_of(const bool bf16, const bool whole, const reel_winograd_tile *tile,
                                 const void *const *pixel, int64_t channels, points_to v)
{
    const tile_size points = size_of(tile, P, whole);
    vec t[P][P], column[P];

    /* First the columns of d, then the rows of what that gives. */
    for (int64_t ch = 0; ch < channels; ch += VL) {
        for (int j = 0; j < P; j++) {
            UNROLLED_FOR(i, P)
                column[i] = load_pixel(bf16, pixel[i * P + j], ch);
            transform_input(&t[0][j], P, column, 1);
        }
        for (int i = 0; i < points.rows; i++) {
            transform_input(column, 1, t[i], 1);
            if (points.cols == P)
                store_points(P, v, i, ch, column);
            else
                store_points(P - 1, v, i, ch, column);
        }
    }
}

/* V = B^T d B of a tile of P x P pixels. */
KERNEL_INLINE void tile_input(const bool bf16, const reel_winograd_tile *tile,
                              const void *const *pixel, int64_t channels, points_to v)
{
    if (bf16)
        tile_input_of(true, false, tile, pixel, channels, v);
    else if (tile->tall && tile->wide)
        tile_input_of(false, true, tile, pixel, channels, v);
    else
        tile_input_of(false, false, tile, pixel, channels, v);
}

/* Weights of one group as the pass reads them, taps reversed or not:
 * element (o, i, ky, kx) = w[o so + i si + (ky r + kx) sk]. */
typedef struct weights {
    const float *w;
    int64_t so, si, sk;
    bool reversed;
} weights;

/* Rows become columns: each of the log2(VL) rounds moves an element's index, its row and column
 * written behind each other in binary, round by one bit. */
KERNEL_INLINE void transpose_lanes(vec *t)
{
    UNROLLED_FOR(round, __builtin_ctz(VL)) {
        vec s[VL];
        UNROLLED_FOR(i, VL / 2)
            isa_interleave((isa_f32)t[i], (isa_f32)t[i + VL / 2], (isa_f32 *)&s[2 * i],
                           (isa_f32 *)&s[2 * i + 1]);
        UNROLLED_FOR(i, VL)
            t[i] = s[i];
    }
}

/* The taps of VL output channels and VL input channels, in the order that the pass reads them. */
typedef struct tap_vectors {
    vec of[25][VL];
} tap_vectors;

/* Of the channels from o and from i on. Where output channels do not lie side by side, input
 * channels do (si = 1), and VL x VL weights are read row by row and transposed. */
KERNEL_INLINE void read_taps(const int r, const weights *w, int64_t o, int64_t i, tap_vectors *taps)
{
    for (int k = 0; k < r * r; k++) {
        const float *from =
            w->w + o * w->so + i * w->si + (w->reversed ? r * r - 1 - k : k) * w->sk;
        UNROLLED_FOR(l, VL)
            taps->of[k][l] = load(from + l * (w->so == 1 ? w->si : w->so));
        if (w->so != 1)
            transpose_lanes(taps->of[k]);
    }
}

/* U = G w G^T for VL output channels and input channel l of the taps; point q goes to u + q step.
 */
KERNEL_INLINE void tile_weights(const int r, const tap_vectors *taps, int64_t l, float *u,
                                int64_t step)
{
    vec t[P][5], column[P];
    for (int x = 0; x < r; x++) {
        for (int y = 0; y < r; y++)
            column[y] = taps->of[y * r + x][l];
        transform_kernel(r, &t[0][x], 5, column, 1);
    }

    for (int y = 0; y < P; y++) {
        transform_kernel(r, column, 1, t[y], 1);
        for (int x = 0; x < P; x++)
            store(u + (y * P + x) * step, column[x]);
    }
}

/* What happens to a result on its way to memory. */
typedef struct output_end {
    const float *bias; /* or NULL */
    bool relu, accumulate;
} output_end;

/* The points of one tile, M: point p, channel c at q[p step + c]. */
typedef struct tile_points {
    const float *q;
    int64_t step, channels;
} tile_points;

/* Of `size` outputs that are `step` pixels apart, those within `room` pixels. */
KERNEL_INLINE int64_t outputs_of(int64_t room, int64_t step, int64_t size)
{
    return least((room + step - 1) / step, size);
}

KERNEL_INLINE void tile_output_of(const bool whole, const int m, const map *y,
                                  const reel_winograd_tile *tile, tile_points points,
                                  const output_end *f)
{
    const float *q = points.q;
    const int64_t step = points.step, channels = points.channels;
    const bool bf16 = y->bf16;
    const tile_size known = size_of(tile, P, whole), size = size_of(tile, m, whole);
    const int64_t height = outputs_of(y->h - tile->top, y->down, size.rows),
                  width = outputs_of(y->w - tile->left, y->across, size.cols);
    vec t[5][P], column[P];
    void *base = (void *)numbers_from(
        y, y->data, ((tile->image * y->h + tile->top) * y->w + tile->left) * y->c);

    /* Without its products infinity is 0; the output that it counts for is left out. */
    UNROLLED_FOR(i, m)
        t[i][P - 1] = (vec){0};
    for (int64_t ch = 0; ch < channels; ch += VL, q += VL) {
        for (int j = 0; j < known.cols; j++) {
            UNROLLED_FOR(i, P - 1)
                column[i] = load(q + (i * P + j) * step);
            column[P - 1] = known.rows == P ? load(q + ((P - 1) * P + j) * step) : (vec){0};
            transform_output(m, &t[0][j], P, column, 1);
        }

        const vec b = f->bias ? load(f->bias + ch) : (vec){0};
        for (int i = 0; i < height; i++) {
            transform_output(m, column, 1, t[i], 1);
            int64_t to = i * y->down * y->w * y->c + ch;
            for (int j = 0; j < width; j++, to += y->across * y->c) {
                const vec sum =
                    f->accumulate ? load_number(bf16, base, to) + column[j] : column[j] + b;
                store_number(bf16, base, to, f->relu ? rectified(sum) : sum);
            }
        }
    }
}

/* y = A^T M A of one tile, ended as f says, clipped to the map. */
KERNEL_INLINE void tile_output(const int m, const map *y, const reel_winograd_tile *tile,
                               tile_points points, const output_end *f)
{
    if (tile->tall && tile->wide)
        tile_output_of(true, m, y, tile, points, f);
    else
        tile_output_of(false, m, y, tile, points, f);
}

/* One convolution over one group of channels: forward, or the input gradient with the roles of the
 * maps exchanged. */
typedef struct application {
    const reel_winograd_plan *p;
    const map *in, *out;
    const weights *w;
    const output_end *end;
} application;

#endif
