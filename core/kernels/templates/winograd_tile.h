/* Winograd's transforms of whole tiles: from an image map to points, and back. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_WINOGRAD_TILE_H
#define REEL_CORE_KERNELS_TEMPLATES_WINOGRAD_TILE_H

#include "core/kernels/templates/winograd_transform.h"
#include "core/kernels/winograd.h"

enum { P = REEL_WINOGRAD_POINTS };

/* An image map as tiles see it. */
typedef struct map {
    const float *data;
    int64_t h, w, c;   /* c: floats from pixel to pixel */
    int64_t top, left; /* origin of tile (0, 0) */
    int64_t step;      /* pixels from tile to tile */
    int64_t rows, cols;
} map;

/* Addresses of a tile's pixels, row by row; pixels outside the map read zeros. */
KERNEL_INLINE void tile_pixels(const map *x, int64_t tile, int64_t size, const float **pixel)
{
    const int64_t col = tile % x->cols, row = tile / x->cols % x->rows,
                  image = tile / x->cols / x->rows;
    const int64_t top = x->top + row * x->step, left = x->left + col * x->step;
    const float *base = x->data + image * x->h * x->w * x->c;
    for (int64_t i = 0; i < size; i++)
        for (int64_t j = 0; j < size; j++) {
            const int64_t y = top + i, z = left + j;
            const bool inside = y >= 0 && y < x->h && z >= 0 && z < x->w;
            pixel[i * size + j] = inside ? base + (y * x->w + z) * x->c : NULL;
        }
}

KERNEL_INLINE vec load_pixel(const float *pixel, int64_t channel)
{
    return pixel ? load(pixel + channel) : (vec){0};
}

/* V = B^T d B of one tile. Channel block b of point q goes to v + q step + b block. */
KERNEL_INLINE void tile_input(const map *x, int64_t tile, int64_t channels, float *v, int64_t step,
                              int64_t block)
{
    const float *pixel[P * P];
    vec t[P][P], column[P];
    tile_pixels(x, tile, P, pixel);

    /* First the columns of d, then the rows of what that gives. */
    for (int64_t ch = 0; ch < channels; ch += VL, v += block) {
        for (int j = 0; j < P; j++) {
            UNROLLED_FOR(i, P)
                column[i] = load_pixel(pixel[i * P + j], ch);
            transform_input(&t[0][j], P, column, 1);
        }
        for (int i = 0; i < P; i++) {
            transform_input(column, 1, t[i], 1);
            UNROLLED_FOR(j, P)
                store(v + (i * P + j) * step, column[j]);
        }
    }
}

/* G d G^T of one size x size tile (3 or 5): the "kernel" of the weight gradient is a tile of dy. */
KERNEL_INLINE void tile_gradient(const int size, const map *x, int64_t tile, int64_t channels,
                                 float *v, int64_t step)
{
    const float *pixel[25];
    vec t[P][5], column[P];
    tile_pixels(x, tile, size, pixel);

    for (int64_t ch = 0; ch < channels; ch += VL, v += VL) {
        for (int j = 0; j < size; j++) {
            for (int i = 0; i < size; i++)
                column[i] = load_pixel(pixel[i * size + j], ch);
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

/* y = A^T M A of one tile, ended as f says, clipped to the map. */
KERNEL_INLINE void tile_output(const int m, const map *y, int64_t tile, tile_points points,
                               const output_end *f)
{
    const float *q = points.q;
    const int64_t step = points.step, channels = points.channels;
    vec t[5][P], column[P];
    const int64_t col = tile % y->cols, row = tile / y->cols % y->rows,
                  image = tile / y->cols / y->rows;
    const int64_t top = row * m, left = col * m;
    const int64_t height = y->h - top < m ? y->h - top : m,
                  width = y->w - left < m ? y->w - left : m;
    float *base = (float *)y->data + ((image * y->h + top) * y->w + left) * y->c;

    for (int64_t ch = 0; ch < channels; ch += VL, q += VL) {
        for (int j = 0; j < P; j++) {
            UNROLLED_FOR(i, P)
                column[i] = load(q + (i * P + j) * step);
            transform_output(m, &t[0][j], P, column, 1);
        }

        const vec b = f->bias ? load(f->bias + ch) : (vec){0};
        for (int i = 0; i < height; i++) {
            transform_output(m, column, 1, t[i], 1);
            float *to = base + i * y->w * y->c + ch;
            for (int j = 0; j < width; j++, to += y->c) {
                const vec sum = f->accumulate ? load(to) + column[j] : column[j] + b;
                store(to, f->relu ? rectified(sum) : sum);
            }
        }
    }
}

#endif
