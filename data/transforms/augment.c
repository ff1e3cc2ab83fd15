/* Random crops and random colour. Geometry follows torchvision's transforms (its rounding included:
 * halves go to the even neighbour, as Python's round), colour follows PIL's ImageEnhance and HSV
 * conversion bit for bit, single-precision steps included. */
#include <math.h>
#include <stdint.h>

#include "core/elementary.h"
#include "data/data_internal.h"

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

/* a + factor (b - a): between the two for factors in [0, 1], beyond them and clipped otherwise. */
static uint8_t blend(int a, int b, float factor)
{
    const float v = (float)a + factor * (float)(b - a);
    return (uint8_t)(v <= 0.0f ? 0 : v >= 255.0f ? 255 : v);
}

static int luma(const uint8_t *p)
{
    return (p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16; /* ITU-R 601-2 in 16 bits */
}

void reel_adjust_brightness(uint8_t *rgb, int64_t n, double factor)
{
    for (int64_t i = 0; i < 3 * n; i++)
        rgb[i] = blend(0, rgb[i], (float)factor);
}

void reel_adjust_contrast(uint8_t *rgb, int64_t n, double factor)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += luma(rgb + 3 * i);
    const int mean = (int)((double)sum / (double)n + 0.5);
    for (int64_t i = 0; i < 3 * n; i++)
        rgb[i] = blend(mean, rgb[i], (float)factor);
}

void reel_adjust_saturation(uint8_t *rgb, int64_t n, double factor)
{
    for (int64_t i = 0; i < n; i++) {
        uint8_t *p = rgb + 3 * i;
        const int grey = luma(p);
        for (int c = 0; c < 3; c++)
            p[c] = blend(grey, p[c], (float)factor);
    }
}

/* RGB to hue, saturation, value in bytes; the hexcone model (Smith, "Color gamut transform pairs",
 * SIGGRAPH 1978). */
static void to_hsv(uint8_t hsv[3], const uint8_t *p)
{
    const int r = p[0], g = p[1], b = p[2];
    const int high = r > g ? (r > b ? r : b) : (g > b ? g : b),
              low = r < g ? (r < b ? r : b) : (g < b ? g : b);
    hsv[0] = hsv[1] = 0;
    hsv[2] = (uint8_t)high;
    if (high == low)
        return;
    const float range = (float)(high - low), saturation = range / (float)high;
    const float to_r = (float)(high - r) / range, to_g = (float)(high - g) / range,
                to_b = (float)(high - b) / range;
    const float sextant = r == high   ? to_b - to_g
                          : g == high ? (float)(2.0 + to_r - to_b)
                                      : (float)(4.0 + to_g - to_r);
    const float turn = (float)fmod(sextant / 6.0 + 1.0, 1.0);
    hsv[0] = (uint8_t)(int)(turn * 255.0);
    hsv[1] = (uint8_t)(int)(saturation * 255.0);
}

static void from_hsv(uint8_t *p, const uint8_t hsv[3])
{
    const uint8_t v = hsv[2];
    if (hsv[1] == 0) {
        p[0] = p[1] = p[2] = v;
        return;
    }
    const float saturation = (float)(hsv[1] / 255.0);
    const int sextant = (int)floor(hsv[0] * 6.0 / 255.0);
    const float part = (float)(hsv[0] * 6.0 / 255.0 - sextant);
    const uint8_t least = (uint8_t)round(v * (1.0 - saturation));
    const uint8_t falling = (uint8_t)round(v * (1.0 - saturation * part));
    const uint8_t rising = (uint8_t)round(v * (1.0 - saturation * (1.0 - part)));
    const uint8_t wheel[6][3] = {{v, rising, least},  {falling, v, least}, {least, v, rising},
                                 {least, falling, v}, {rising, least, v},  {v, least, falling}};
    for (int c = 0; c < 3; c++)
        p[c] = wheel[sextant % 6][c];
}

void reel_adjust_hue(uint8_t *rgb, int64_t n, double factor)
{
    const int shift = (int)(factor * 255.0); /* towards zero; the byte wraps round the wheel */
    for (int64_t i = 0; i < n; i++) {
        uint8_t hsv[3];
        to_hsv(hsv, rgb + 3 * i);
        hsv[0] = (uint8_t)(hsv[0] + shift);
        from_hsv(rgb + 3 * i, hsv);
    }
}

/* A factor in [max(0, 1 - v), 1 + v]. */
static double around_one(double v, reel_rng *rng)
{
    return reel_rng_range(rng, v < 1.0 ? 1.0 - v : 0.0, 1.0 + v);
}

void reel_jitter(const reel_transform *t, uint8_t *rgb, int64_t n, reel_rng *rng)
{
    if (t->brightness == 0 && t->contrast == 0 && t->saturation == 0 && t->hue == 0)
        return;
    int order[4] = {0, 1, 2, 3};
    for (int i = 3; i > 0; i--) {
        const int j = (int)reel_rng_below(rng, (uint64_t)i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    const double brightness = around_one(t->brightness, rng),
                 contrast = around_one(t->contrast, rng);
    const double saturation = around_one(t->saturation, rng),
                 hue = reel_rng_range(rng, -t->hue, t->hue);
    for (int i = 0; i < 4; i++) {
        if (order[i] == 0 && t->brightness > 0)
            reel_adjust_brightness(rgb, n, brightness);
        if (order[i] == 1 && t->contrast > 0)
            reel_adjust_contrast(rgb, n, contrast);
        if (order[i] == 2 && t->saturation > 0)
            reel_adjust_saturation(rgb, n, saturation);
        if (order[i] == 3 && t->hue > 0)
            reel_adjust_hue(rgb, n, hue);
    }
}

void reel_lighting(double delta[3], double deviation, reel_rng *rng)
{
    /* Principal components of ImageNet's pixels, RGB in [0, 1]; a column of `vector` each. */
    static const double value[3] = {0.2175, 0.0188, 0.0045};
    static const double vector[3][3] = {
        {-0.5675, 0.7192, 0.4009}, {-0.5808, -0.0045, -0.8140}, {-0.5836, -0.6948, 0.4203}};
    double amount[3];
    for (int i = 0; i < 3; i++)
        amount[i] = deviation * reel_rng_normal(rng) * value[i];
    for (int c = 0; c < 3; c++) {
        delta[c] = 0;
        for (int i = 0; i < 3; i++)
            delta[c] += vector[c][i] * amount[i];
    }
}
