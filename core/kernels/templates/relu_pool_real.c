/* ReLU and max pooling in one pass. Work is split over rows of the map that is written, so no two
 * threads meet. Channels beyond the last whole vector take the same way one by one. */
#include "core/kernels/relu_pool.h"

#include "core/kernels/templates/names.h"
#include "core/kernels/templates/vector.h"

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

/* The maximum of the window in VL channels from k on, and where it is. NaN wins over all, so that
 * it propagates. */
KERNEL_INLINE vec window_max(const reel_relu_pool_shape *s, const window *at, int64_t k,
                             lanes *where)
{
    vec best = {0};
    *where = (lanes){0} + REEL_RELU_POOL_NONE;
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
    real best = 0;
    *where = REEL_RELU_POOL_NONE;
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

/* The windows over one pixel: rows i and columns j of windows, and the pixel's own place. */
typedef struct pixel {
    int64_t image, h, w;
    range i, j;
} pixel;

/* The pixel's cell in window (p, q). */
static inline int64_t cell_in(const reel_relu_pool_shape *s, const pixel *x, int64_t p, int64_t q)
{
    return (x->h - p * s->sh + s->ph) * s->kw + x->w - q * s->sw + s->pw;
}

/* dx of the pixel: the sum of dy over the windows whose maximum it is, in all channels. */
KERNEL_INLINE void sum_windows(const reel_relu_pool_shape *s, const pixel *x, const real *dy,
                               const uint8_t *cell, real *to)
{
    int64_t k = 0;
    for (; k + VL <= s->c; k += VL) {
        vec sum = {0};
        for (int64_t p = x->i.from; p < x->i.to; p++)
            for (int64_t q = x->j.from; q < x->j.to; q++) {
                const int64_t at = ((x->image * s->oh + p) * s->ow + q) * s->c + k;
                const lanes here = (lanes){0} + (lane)cell_in(s, x, p, q);
                const lanes where =
                    __builtin_convertvector(*(const bytes_unaligned *)(cell + at), lanes);
                sum += choose(where == here, load(dy + at), (vec){0});
            }
        store(to + k, sum);
    }

    for (; k < s->c; k++) {
        real sum = 0;
        for (int64_t p = x->i.from; p < x->i.to; p++)
            for (int64_t q = x->j.from; q < x->j.to; q++) {
                const int64_t at = ((x->image * s->oh + p) * s->ow + q) * s->c + k;
                if (cell[at] == cell_in(s, x, p, q))
                    sum += dy[at];
            }
        to[k] = sum;
    }
}

void REEL_KERNEL_FN(reel_relu_pool_grad)(int threads, const reel_relu_pool_shape *s,
                                         const void *dout, const uint8_t *cell, void *din)
{
    const real *dy = dout;
    real *dx = din;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(threads) if (s->n * s->h * s->w * s->c > 16384)
    for (int64_t row = 0; row < s->n * s->h; row++) {
        pixel x = {.image = row / s->h, .h = row % s->h};
        x.i = windows_over(x.h, s->kh, s->sh, s->ph, s->oh);
        for (x.w = 0; x.w < s->w; x.w++) {
            x.j = windows_over(x.w, s->kw, s->sw, s->pw, s->ow);
            sum_windows(s, &x, dy, cell, dx + (row * s->w + x.w) * s->c);
        }
    }
}
