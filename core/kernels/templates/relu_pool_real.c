/* Max pooling, with ReLU in the same pass or without. Work is split over rows of the map that is
 * written, so no two threads meet. Channels beyond the last whole vector take the same way one by
 * one. */
#include "core/kernels/relu_pool.h"

#include "core/kernels/templates/names.h"
#include "core/kernels/templates/vector.h"

#include <math.h>

/* An integer as wide as a real: what comparisons of vectors give. */
#if REEL_REAL_BITS == 64
typedef int64_t lane;
#else
typedef int32_t lane;
#endif

typedef lane lanes __attribute__((vector_size(VL * sizeof(lane))));
typedef uint8_t bytes __attribute__((vector_size(VL)));
typedef uint8_t bytes_unaligned __attribute__((vector_size(VL), aligned(1), may_alias));

/* mask ? a : b, lane by lane. */
static inline vec choose(lanes mask, vec a, vec b)
{
    return (vec)((mask & (lanes)a) | (~mask & (lanes)b));
}

/* The part of a window, or of a pixel's windows, that exists. */
typedef struct range {
    int64_t from, to;
} range;

static inline range clip(int64_t from, int64_t to, int64_t size)
{
    return (range){from < 0 ? 0 : from, to > size ? size : to};
}

/* Windows of which pixel `at` is a part: from at + padding - kernel < i stride <= at + padding. */
static inline range windows_over(int64_t at, int64_t kernel, int64_t stride, int64_t padding,
                                 int64_t windows)
{
    const int64_t first = at + padding - kernel + 1;
    return clip(first <= 0 ? 0 : (first + stride - 1) / stride, (at + padding) / stride + 1,
                windows);
}

/* A window, clipped to the map: rows v, columns u; its corner before that. */
typedef struct window {
    const real *image;
    range v, u;
    int64_t top, left;
} window;

/* What a window is compared with first: with ReLU zero, which is in no cell; else less than all, in
 * the first cell that exists. */
static inline real least_value(const reel_relu_pool_shape *s)
{
    return s->plain ? -(real)INFINITY : 0;
}

static inline int64_t first_cell(const reel_relu_pool_shape *s, const window *at)
{
    return s->plain ? (at->v.from - at->top) * s->kw + at->u.from - at->left : REEL_RELU_POOL_NONE;
}

/* The maximum of the window in VL channels from k on, and where it is. NaN wins over all, so that
 * it propagates. */
KERNEL_INLINE vec window_max(const reel_relu_pool_shape *s, const window *at, int64_t k,
                             lanes *where)
{
    vec best = broadcast(least_value(s));
    *where = (lanes){0} + (lane)first_cell(s, at);
    for (int64_t p = at->v.from; p < at->v.to; p++)
        for (int64_t q = at->u.from; q < at->u.to; q++) {
            const vec here = load(at->image + (p * s->w + q) * s->c + k);
            const lanes is_nan = here != here, wins = (here > best) | is_nan;
            const lane cell = (lane)((p - at->top) * s->kw + q - at->left);
            best = choose(wins, here, best);
            *where = (wins & ((lanes){0} + cell)) | (~wins & *where);
        }
    return best;
}

/* The same for one channel. */
static real window_max_one(const reel_relu_pool_shape *s, const window *at, int64_t k,
                           int64_t *where)
{
    real best = least_value(s);
    *where = first_cell(s, at);
    for (int64_t p = at->v.from; p < at->v.to; p++)
        for (int64_t q = at->u.from; q < at->u.to; q++) {
            const real here = at->image[(p * s->w + q) * s->c + k];
            if (!(here > best) && here == here)
                continue;
            best = here;
            *where = (p - at->top) * s->kw + q - at->left;
        }
    return best;
}

void REEL_KERNEL_FN(reel_relu_pool_max)(int threads, const reel_relu_pool_shape *s, const void *in,
                                        void *out, uint8_t *cell)
{
    const real *x = in;
    real *y = out;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(threads) if (s->n * s->h * s->w * s->c > 16384)
    for (int64_t row = 0; row < s->n * s->oh; row++) {
        window here = {.image = x + row / s->oh * s->h * s->w * s->c,
                       .top = row % s->oh * s->sh - s->ph};
        here.v = clip(here.top, here.top + s->kh, s->h);
        for (int64_t j = 0; j < s->ow; j++) {
            const int64_t at = (row * s->ow + j) * s->c;
            here.left = j * s->sw - s->pw;
            here.u = clip(here.left, here.left + s->kw, s->w);

            int64_t k = 0;
            for (; k + VL <= s->c; k += VL) {
                lanes where;
                store(y + at + k, window_max(s, &here, k, &where));
                if (cell)
                    *(bytes_unaligned *)(cell + at + k) = __builtin_convertvector(where, bytes);
            }
            for (; k < s->c; k++) {
                int64_t where;
                y[at + k] = window_max_one(s, &here, k, &where);
                if (cell)
                    cell[at + k] = (uint8_t)where;
            }
        }
    }
}

/* What the gradient reads, and whether it adds to dx. */
typedef struct pool_gradient {
    const real *dy;
    const uint8_t *cell;
    bool add;
} pool_gradient;

/* VL cells, each in a lane. */
KERNEL_INLINE lanes cells_from(const uint8_t *cell)
{
#if REEL_REAL_BITS == 32
    return (lanes)isa_widen_bytes(cell);
#else
    return __builtin_convertvector(*(const bytes_unaligned *)cell, lanes);
#endif
}

/* The windows over one pixel: where their first channel lies in dy, and which of their cells the
 * pixel is. */
typedef struct pixel_windows {
    int count;
    int64_t at[REEL_RELU_POOL_CELLS];
    lane cell[REEL_RELU_POOL_CELLS];
} pixel_windows;

/* Pixel (h, w) of an image whose windows over that row are `rows`. */
static void find_windows(const reel_relu_pool_shape *s, int64_t image, int64_t h, int64_t w,
                         range rows, pixel_windows *found)
{
    const range columns = windows_over(w, s->kw, s->sw, s->pw, s->ow);
    found->count = 0;
    for (int64_t p = rows.from; p < rows.to; p++)
        for (int64_t q = columns.from; q < columns.to; q++) {
            found->at[found->count] = ((image * s->oh + p) * s->ow + q) * s->c;
            found->cell[found->count++] =
                (lane)((h - p * s->sh + s->ph) * s->kw + w - q * s->sw + s->pw);
        }
}

/* dx of a pixel: the sum of dy over its `count` windows whose maximum it is, in all channels. */
KERNEL_INLINE void sum_windows(const pixel_windows *x, const int count, const pool_gradient *g,
                               int64_t c, real *to)
{
    int64_t k = 0;
    for (; k + VL <= c; k += VL) {
        vec sum = g->add ? load(to + k) : (vec){0};
        UNROLLED_FOR(i, count) {
            const lanes here = (lanes){0} + x->cell[i], where = cells_from(g->cell + x->at[i] + k);
            sum += choose(where == here, load(g->dy + x->at[i] + k), (vec){0});
        }
        store(to + k, sum);
    }

    for (; k < c; k++) {
        real sum = g->add ? to[k] : 0;
        for (int i = 0; i < count; i++)
            if (g->cell[x->at[i] + k] == x->cell[i])
                sum += g->dy[x->at[i] + k];
        to[k] = sum;
    }
}

void REEL_KERNEL_FN(reel_relu_pool_grad)(int threads, const reel_relu_pool_shape *s,
                                         const void *dout, const uint8_t *cell, void *din)
{
    const pool_gradient g = {dout, cell, s->add};
    real *dx = din;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(threads) if (s->n * s->h * s->w * s->c > 16384)
    for (int64_t row = 0; row < s->n * s->h; row++) {
        const int64_t image = row / s->h, h = row % s->h;
        const range rows = windows_over(h, s->kh, s->sh, s->ph, s->oh);
        for (int64_t w = 0; w < s->w; w++) {
            real *to = dx + (row * s->w + w) * s->c;
            pixel_windows found;
            find_windows(s, image, h, w, rows, &found);

            /* Counts that are common have code of their own. */
            if (found.count == 1)
                sum_windows(&found, 1, &g, s->c, to);
            else if (found.count == 2)
                sum_windows(&found, 2, &g, s->c, to);
            else if (found.count == 4)
                sum_windows(&found, 4, &g, s->c, to);
            else
                sum_windows(&found, found.count, &g, s->c, to);
        }
    }
}
