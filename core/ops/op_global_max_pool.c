/* global_max_pool: (n, c, h, w) -> (n, c), y = the maximum over all pixels of a channel. The first
 * maximum in row-major order takes the gradient; its pixel's number is what forward leaves. NaN
 * wins, as in PyTorch. */
#include "core/ops/global_pool.h"

#ifdef REEL_PUBLIC
/* The maximum over all pixels of each channel: (n, c, h, w) -> (n, c). The first maximum takes the
 * gradient; NaN propagates. */
REEL_API reel_var reel_global_max_pool(reel_var x);
#endif

static inline void global_max_pool_block(const global_pool_part *p, const reel_real *x,
                                         int64_t width, reel_real *y, int32_t *saved)
{
    reel_real best[REEL_POOL_BLOCK];
    int32_t winner[REEL_POOL_BLOCK] = {0};
    memcpy(best, x, (size_t)width * sizeof *best);
    for (int64_t pixel = 1; pixel < p->pixels; pixel++)
#pragma omp simd
        for (int64_t k = 0; k < width; k++) {
            const reel_real v = x[pixel * p->channels + k];
            const bool wins = (v > best[k]) | (v != v);
            best[k] = wins ? v : best[k];
            winner[k] = wins ? (int32_t)pixel : winner[k];
        }

    memcpy(y, best, (size_t)width * sizeof *best);
    if (saved)
        memcpy(saved, winner, (size_t)width * sizeof *winner);
}

static inline void global_max_pool_spread(const global_pool_part *p, const reel_real *dy,
                                          const int32_t *saved, bool fresh, reel_real *dx)
{
    const int64_t ch = p->channels;
    if (fresh)
        memset(dx, 0, (size_t)(p->pixels * ch) * sizeof *dx);
    for (int64_t k = 0; k < ch; k++)
        dx[saved[k] * ch + k] += dy[k];
}

#define REEL_GLOBAL_POOL global_max_pool
#define REEL_GLOBAL_POOL_SAVED 1
#define REEL_GLOBAL_POOL_DRAW REEL_DRAW_DISTINCT
#include "core/ops/global_pool.h"
