/* ReLU and max pooling in one pass, for template use: the including file defines real, lane (an integer as wide), VL and
 * RELU_POOL_NAME(pass). Work is split over rows of the map that is written, so no two threads meet. Channels beyond the last
 * whole vector take the same way one by one. */
#include "core/kernels/relu_pool.h"

#include "core/kernels/vector.h"

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
static inline range windows_over(int64_t at, int64_t kernel, int64_t stride, int64_t padding, int64_t windows)
{
    const int64_t first = at + padding - kernel + 1;
    return clip(first <= 0 ? 0 : (first + stride - 1) / stride, (at + padding) / stride + 1, windows);
}

void RELU_POOL_NAME(forward)(int threads, const reel_relu_pool_shape *s, const real *x, real *y, uint8_t *cell)
{
#pragma omp parallel for schedule(static) num_threads(threads) if (s->n * s->h * s->w * s->c > 16384)
    for (int64_t row = 0; row < s->n * s->oh; row++) {
        const int64_t top = row % s->oh * s->sh - s->ph;
        const range v = clip(top, top + s->kh, s->h);
        const real *image = x + row / s->oh * s->h * s->w * s->c;
        for (int64_t j = 0; j < s->ow; j++) {
            const int64_t left = j * s->sw - s->pw, at = (row * s->ow + j) * s->c;
            const range u = clip(left, left + s->kw, s->w);
            int64_t k = 0;
            for (; k + VL <= s->c; k += VL) {
                vec best = {0};
                lanes where = (lanes){0} + REEL_RELU_POOL_NONE;
                for (int64_t p = v.from; p < v.to; p++)
                    for (int64_t q = u.from; q < u.to; q++) {
                        const vec here = load(image + (p * s->w + q) * s->c + k);
                        const lanes wins = (here > best) | (here != here);
                        best = choose(wins, here, best);
                        where = (wins & ((lanes){0} + (lane)((p - top) * s->kw + q - left))) | (~wins & where);
                    }
                store(y + at + k, best);
                if (cell) *(bytes_unaligned *)(cell + at + k) = __builtin_convertvector(where, bytes);
            }
            for (; k < s->c; k++) {
                real best = 0;
                int64_t where = REEL_RELU_POOL_NONE;
                for (int64_t p = v.from; p < v.to; p++)
                    for (int64_t q = u.from; q < u.to; q++) {
                        const real here = image[(p * s->w + q) * s->c + k];
                        if (!(here > best) && here == here) continue;
                        best = here;
                        where = (p - top) * s->kw + q - left;
                    }
                y[at + k] = best;
                if (cell) cell[at + k] = (uint8_t)where;
            }
        }
    }
}

void RELU_POOL_NAME(backward)(int threads, const reel_relu_pool_shape *s, const real *dy, const uint8_t *cell, real *dx)
{
#pragma omp parallel for schedule(static) num_threads(threads) if (s->n * s->h * s->w * s->c > 16384)
    for (int64_t row = 0; row < s->n * s->h; row++) {
        const int64_t image = row / s->h, h = row % s->h;
        const range i = windows_over(h, s->kh, s->sh, s->ph, s->oh);
        for (int64_t w = 0; w < s->w; w++) {
            const range j = windows_over(w, s->kw, s->sw, s->pw, s->ow);
            real *to = dx + (row * s->w + w) * s->c;
            int64_t k = 0;
            for (; k + VL <= s->c; k += VL) {
                vec sum = {0};
                for (int64_t p = i.from; p < i.to; p++)
                    for (int64_t q = j.from; q < j.to; q++) {
                        const int64_t at = ((image * s->oh + p) * s->ow + q) * s->c + k;
                        const lane here = (lane)((h - p * s->sh + s->ph) * s->kw + w - q * s->sw + s->pw);
                        const lanes where = __builtin_convertvector(*(const bytes_unaligned *)(cell + at), lanes);
                        sum += choose(where == (lanes){0} + here, load(dy + at), (vec){0});
                    }
                store(to + k, sum);
            }
            for (; k < s->c; k++) {
                real sum = 0;
                for (int64_t p = i.from; p < i.to; p++)
                    for (int64_t q = j.from; q < j.to; q++) {
                        const int64_t at = ((image * s->oh + p) * s->ow + q) * s->c + k;
                        if (cell[at] == (h - p * s->sh + s->ph) * s->kw + w - q * s->sw + s->pw) sum += dy[at];
                    }
                to[k] = sum;
            }
        }
    }
}
