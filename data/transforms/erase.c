/* Random erasing: which part, and the zeros. */
#include "data/transforms/erase.h"

#include <math.h>
#include <string.h>

#include "core/elementary.h"

reel_rect reel_erase_choose(int64_t size, double p, reel_rng *rng)
{
    const double least = 0.02, most = 0.33, area = (double)size * (double)size,
                 narrow = reel_math_log(0.3), wide = reel_math_log(3.3);
    if (reel_rng_uniform(rng) >= p)
        return (reel_rect){0};

    for (int i = 0; i < 10; i++) {
        const double erased = area * reel_rng_range(rng, least, most),
                     aspect = reel_math_exp(reel_rng_range(rng, narrow, wide));
        const int64_t h = (int64_t)rint(sqrt(erased * aspect)),
                      w = (int64_t)rint(sqrt(erased / aspect));
        if (h >= size || w >= size)
            continue;
        const int64_t y = (int64_t)reel_rng_below(rng, (uint64_t)(size - h + 1));
        return (reel_rect){(int64_t)reel_rng_below(rng, (uint64_t)(size - w + 1)), y, w, h};
    }
    return (reel_rect){0};
}

void reel_erase(float *image, int64_t size, int64_t channels, const reel_rect *part)
{
    for (int64_t y = part->y; y < part->y + part->h; y++)
        memset(image + (y * size + part->x) * channels, 0,
               (size_t)(part->w * channels) * sizeof *image); /* all bits 0 are 0.0f */
}
