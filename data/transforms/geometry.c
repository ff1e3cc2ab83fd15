/* Which part of an image is taken and what it becomes, as torchvision's transforms decide it: its
 * rounding included, where halves go to the even neighbour, as with Python's round. */
#include "data/transforms/geometry.h"

#include <math.h>

#include "core/elementary.h"

static reel_rect centered(int64_t width, int64_t height, int64_t w, int64_t h)
{
    return (reel_rect){(width - w) / 2, (height - h) / 2, w, h};
}

reel_rect reel_random_resized_rect(int64_t width, int64_t height, const double scale[2],
                                   const double ratio[2], reel_rng *rng)
{
    const double area = (double)width * (double)height, low = reel_math_log(ratio[0]),
                 high = reel_math_log(ratio[1]);
    for (int i = 0; i < 10; i++) {
        const double target = area * reel_rng_range(rng, scale[0], scale[1]),
                     aspect = reel_math_exp(reel_rng_range(rng, low, high));
        const int64_t w = (int64_t)rint(sqrt(target * aspect)),
                      h = (int64_t)rint(sqrt(target / aspect));
        if (w <= 0 || w > width || h <= 0 || h > height)
            continue;
        const int64_t y = (int64_t)reel_rng_below(rng, (uint64_t)(height - h + 1));
        return (reel_rect){(int64_t)reel_rng_below(rng, (uint64_t)(width - w + 1)), y, w, h};
    }

    /* No try fitted: the largest centred part whose aspect lies in ratio. */
    const double whole = (double)width / (double)height;
    /* At least one pixel: rint gives 0 for an image of one row or column and a ratio far from 1. */
    if (whole < ratio[0])
        return centered(width, height, width, (int64_t)fmax(rint((double)width / ratio[0]), 1));
    if (whole > ratio[1])
        return centered(width, height, (int64_t)fmax(rint((double)height * ratio[1]), 1), height);
    return (reel_rect){0, 0, width, height};
}

void reel_resized_size(int64_t width, int64_t height, int64_t side, int64_t *new_width,
                       int64_t *new_height)
{
    const int64_t shorter = width < height ? width : height,
                  longer = width < height ? height : width;
    const int64_t other = (int64_t)((double)(side * longer) / (double)shorter);
    *new_width = width <= height ? side : other;
    *new_height = width <= height ? other : side;
}

/* torchvision's CenterCrop along one axis: halves to even where the image is larger, padding where
 * it is smaller. */
static int64_t center(int64_t length, int64_t size)
{
    return length >= size ? (int64_t)rint((double)(length - size) / 2.0) : -((size - length) / 2);
}

reel_geometry reel_geometry_choose(const reel_transform *t, int64_t width, int64_t height,
                                   reel_rng *rng)
{
    reel_geometry g = {.source = {0, 0, width, height}, .width = t->size, .height = t->size};
    g.window = (reel_rect){0, 0, t->size, t->size};
    if (t->crop == REEL_CROP_RANDOM_RESIZED) {
        g.source = reel_random_resized_rect(width, height, t->scale, t->ratio, rng);
        return g;
    }

    /* The other crops are windows of the image with its shorter side made t->resize. */
    reel_resized_size(width, height, t->resize, &g.width, &g.height);
    if (t->crop == REEL_CROP_CENTER) {
        g.window.x = center(g.width, t->size);
        g.window.y = center(g.height, t->size);
    } else {
        const uint64_t places = (uint64_t)(t->resize - t->size + 1);
        g.window.y = center(g.height, t->resize) + (int64_t)reel_rng_below(rng, places);
        g.window.x = center(g.width, t->resize) + (int64_t)reel_rng_below(rng, places);
    }
    return g;
}

void reel_geometry_of_ten(reel_geometry *g, const reel_transform *t, int64_t view)
{
    enum { CORNERS_AND_MIDDLE = 5, MIDDLE = 4 };
    const int64_t place = view % CORNERS_AND_MIDDLE, room = t->resize - t->size;
    if (place == MIDDLE)
        return; /* it is there already */
    g->window.x = center(g->width, t->resize) + (place % 2 ? room : 0);
    g->window.y = center(g->height, t->resize) + (place / 2 ? room : 0);
}

reel_rect reel_geometry_inside(const reel_geometry *g, int64_t *left, int64_t *above)
{
    reel_rect w = g->window;
    *left = w.x < 0 ? -w.x : 0;
    *above = w.y < 0 ? -w.y : 0;
    if (w.x < 0)
        w.w += w.x, w.x = 0;
    if (w.y < 0)
        w.h += w.y, w.y = 0;
    if (w.x + w.w > g->width)
        w.w = g->width - w.x;
    if (w.y + w.h > g->height)
        w.h = g->height - w.y;
    return w;
}
