/* Winograd's transforms of whole tiles: from an image map to points, and back. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_WINOGRAD_TILE_H
#define REEL_CORE_KERNELS_TEMPLATES_WINOGRAD_TILE_H

#include "core/kernels/templates/vector_bf16.h"
#include "core/kernels/templates/winograd_transform.h"
#include "core/kernels/winograd.h"

enum { P = REEL_WINOGRAD_POINTS };

/* An image map as tiles see it. */
typedef struct map {
    const void *data;
    bool bf16;         /* stored in bf16, else in float32 */
    int64_t h, w, c;   /* c: numbers from pixel to pixel */
    int64_t top, left; /* origin of tile (0, 0) */
    int64_t step;      /* pixels from tile to tile */
    int64_t rows, cols;
} map;

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

/* Addresses of a tile's pixels, row by row; pixels outside the map read zeros. */
KERNEL_INLINE void tile_pixels(const map *x, int64_t tile, int64_t size, const void **pixel)
{
    const int64_t col = tile % x->cols, row = tile / x->cols % x->rows,
                  image = tile / x->cols / x->rows;
    const int64_t top = x->top + row * x->step, left = x->left + col * x->step;
    const char *base = numbers_from(x, x->data, image * x->h * x->w * x->c);
    for (int64_t i = 0; i < size; i++)
        for (int64_t j = 0; j < size; j++) {
            const int64_t y = top + i, z = left + j;
            const bool inside = y >= 0 && y < x->h && z >= 0 && z < x->w;
            pixel[i * size + j] = inside ? numbers_from(x, base, (y * x->w + z) * x->c) : NULL;
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

KERNEL_INLINE void tile_input_of(const bool bf16, const map *x, int64_t tile, int64_t channels,
                                 float *v, int64_t step)
{
    const void *pixel[P * P];
    vec t[P][P], column[P];
    tile_pixels(x, tile, P, pixel);

    /* First the columns of d, then the rows of what that gives. */
    for (int64_t ch = 0; ch < channels; ch += VL, v += VL) {
        for (int j = 0; j < P; j++) {
            UNROLLED_FOR(i, P)
                column[i] = load_pixel(bf16, pixel[i * P + j], ch);
            transform_input(&t[0][j], P, column, 1);
        }
        for (int i = 0; i < P; i++) {
            transform_input(column, 1, t[i], 1);
            UNROLLED_FOR(j, P)
                store(v + (i * P + j) * step, column[j]);
        }
    }
}

/* V = B^T d B of one tile. Point q goes to v + q step, channel by channel. */
KERNEL_INLINE void tile_input(const map *x, int64_t tile, int64_t channels, float *v, int64_t step)
{
    if (x->bf16)
        tile_input_of(true, x, tile, channels, v, step);
    else
        tile_input_of(false, x, tile, channels, v, step);
}

/* G d G^T of one size x size tile (3 or 5): the "kernel" of the weight gradient is a tile of dy. */
KERNEL_INLINE void tile_gradient(const int size, const map *x, int64_t tile, int64_t channels,
                                 float *v, int64_t step)
{
    const bool bf16 = x->bf16;
    const void *pixel[25];
    vec t[P][5], column[P];
    tile_pixels(x, tile, size, pixel);

    for (int64_t ch = 0; ch < channels; ch += VL, v += VL) {
        for (int j = 0; j < size; j++) {
            for (int i = 0; i < size; i++)
                column[i] = load_pixel(bf16, pixel[i * size + j], ch);
            transform_kernel(size, &t[0][j], 5, column, 1);
        }
        for (int i = 0; i < P; i++) {
            transform_kernel(size, column, 1, t[i], 1);
            UNROLLED_FOR(j, P)
                store(v + (i * P + j) * step, column[j]);
        }
    }
}

/* Weights of one group as the pass reads them, taps reversed or not:
 * element (o, i, ky, kx) = w[o so + i si + (ky r + kx) sk]. */
typedef struct weights {
    const float *w;
    int64_t so, si, sk;
    bool reversed;
} weights;

/* U = G w G^T for VL output channels from o and one input channel; point q goes to u + q step. */
KERNEL_INLINE void tile_weights(const int r, const weights *w, int64_t o, int64_t i, float *u,
                                int64_t step)
{
    vec t[P][5], column[P];
    const float *base = w->w + o * w->so + i * w->si;

    /* Output channels that do not lie side by side are gathered into a vector first. */
    for (int x = 0; x < r; x++) {
        for (int y = 0; y < r; y++) {
            const float *tap =
                base + (w->reversed ? (r - 1 - y) * r + r - 1 - x : y * r + x) * w->sk;
            float lane[VL];
            if (w->so != 1)
                for (int l = 0; l < VL; l++)
                    lane[l] = tap[l * w->so];
            column[y] = load(w->so == 1 ? tap : lane);
        }
        transform_kernel(r, &t[0][x], 5, column, 1);
    }

    for (int y = 0; y < P; y++) {
        transform_kernel(r, column, 1, t[y], 1);
        for (int x = 0; x < P; x++)
            store(u + (y * P + x) * step, column[x]);
    }
}

/* U of one panel of NR output channels (the last may be VL wide): point q at u + q p->u_step, ic x
 * width. */
KERNEL_INLINE void panel_weights(const reel_winograd_plan *p, const weights *w, int64_t panel,
                                 int64_t first, int64_t last, float *u)
{
    const int64_t width = p->oc - panel * NR < NR ? VL : NR;
    for (int64_t o = 0; o < width; o += VL)
        for (int64_t i = first; i < last; i++)
            if (p->r == 3)
                tile_weights(3, w, panel * NR + o, i, u + i * width + o, p->u_step);
            else
                tile_weights(5, w, panel * NR + o, i, u + i * width + o, p->u_step);
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

KERNEL_INLINE void tile_output_of(const bool bf16, const int m, const map *y, int64_t tile,
                                  tile_points points, const output_end *f)
{
    const float *q = points.q;
    const int64_t step = points.step, channels = points.channels;
    vec t[5][P], column[P];
    const int64_t col = tile % y->cols, row = tile / y->cols % y->rows,
                  image = tile / y->cols / y->rows;
    const int64_t top = row * m, left = col * m;
    const int64_t height = y->h - top < m ? y->h - top : m,
                  width = y->w - left < m ? y->w - left : m;
    void *base = (void *)numbers_from(y, y->data, ((image * y->h + top) * y->w + left) * y->c);

    for (int64_t ch = 0; ch < channels; ch += VL, q += VL) {
        for (int j = 0; j < P; j++) {
            UNROLLED_FOR(i, P)
                column[i] = load(q + (i * P + j) * step);
            transform_output(m, &t[0][j], P, column, 1);
        }

        const vec b = f->bias ? load(f->bias + ch) : (vec){0};
        for (int i = 0; i < height; i++) {
            transform_output(m, column, 1, t[i], 1);
            int64_t to = i * y->w * y->c + ch;
            for (int j = 0; j < width; j++, to += y->c) {
                const vec sum =
                    f->accumulate ? load_number(bf16, base, to) + column[j] : column[j] + b;
                store_number(bf16, base, to, f->relu ? rectified(sum) : sum);
            }
        }
    }
}

/* y = A^T M A of one tile, ended as f says, clipped to the map. */
KERNEL_INLINE void tile_output(const int m, const map *y, int64_t tile, tile_points points,
                               const output_end *f)
{
    if (y->bf16)
        tile_output_of(true, m, y, tile, points, f);
    else
        tile_output_of(false, m, y, tile, points, f);
}

#endif
