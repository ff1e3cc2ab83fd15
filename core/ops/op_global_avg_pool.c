/* global_avg_pool: (n, c, h, w) -> (n, c), y = the mean over all pixels of a channel;  dx = dy / (h
 * w) everywhere. */
#include "core/ops/global_pool.h"

#ifdef REEL_PUBLIC
/* The mean over all pixels of each channel: (n, c, h, w) -> (n, c). */
REEL_API reel_var reel_global_avg_pool(reel_var x);
#endif

static inline void global_avg_pool_block(const global_pool_part *p, const reel_real *x,
                                         int64_t width, reel_real *y, int32_t *saved)
{
    (void)saved;
    const reel_real scale = (reel_real)(1.0 / (double)p->pixels);
    reel_real sum[REEL_POOL_BLOCK] = {0};
    for (int64_t pixel = 0; pixel < p->pixels; pixel++)
        for (int64_t k = 0; k < width; k++)
            sum[k] += x[pixel * p->channels + k];
    for (int64_t k = 0; k < width; k++)
        y[k] = sum[k] * scale;
}

static inline void global_avg_pool_spread(const global_pool_part *p, const reel_real *dy,
                                          const int32_t *saved, bool fresh, reel_real *dx)
{
    (void)saved;
    const int64_t ch = p->channels;
    const reel_real scale = (reel_real)(1.0 / (double)p->pixels);
    for (int64_t pixel = 0; pixel < p->pixels; pixel++, dx += ch)
        if (fresh)
            for (int64_t k = 0; k < ch; k++)
                dx[k] = dy[k] * scale;
        else
            for (int64_t k = 0; k < ch; k++)
                dx[k] += dy[k] * scale;
}

#define REEL_GLOBAL_POOL global_avg_pool
#define REEL_GLOBAL_POOL_SAVED 0
#define REEL_GLOBAL_POOL_DRAW REEL_DRAW_NORMAL
#include "core/ops/global_pool.h"
