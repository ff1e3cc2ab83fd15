/* Random colour, bit for bit as PIL's ImageEnhance and its HSV conversion, single-precision steps
 * included. */
#include "data/transforms/colour.h"

#include <math.h>
#include <string.h>

/* a + factor (b - a): between the two for factors in [0, 1], beyond them and clipped otherwise. */
static uint8_t blend(int a, int b, float factor)
{
    const float v = (float)a + factor * (float)(b - a);
    if (v <= 0.0f)
        return 0;
    return v >= 255.0f ? 255 : (uint8_t)v;
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

/* Row y - 1, y or y + 1 of PIL's SMOOTH filter, at byte x. */
static float three_of_row(const uint8_t *row, int64_t x, float side, float middle)
{
    return (float)row[x - 3] * side + (float)row[x] * middle + (float)row[x + 3] * side;
}

void reel_adjust_sharpness(uint8_t *dst, const uint8_t *src, int64_t width, int64_t height,
                           double factor)
{
    /* 1 1 1, 1 5 1, 1 1 1, divided by 13. The border is not blurred. */
    const float one = 1.0f / 13.0f, five = 5.0f / 13.0f;
    const int64_t stride = width * 3;
    memcpy(dst, src, (size_t)(stride * height));
    for (int64_t y = 1; y < height - 1; y++) {
        const uint8_t *row = src + y * stride;
        for (int64_t x = 3; x < stride - 3; x++) {
            float sum = three_of_row(row + stride, x, one, one);
            sum += three_of_row(row, x, one, five);
            sum += three_of_row(row - stride, x, one, one);
            dst[y * stride + x] = blend((uint8_t)(sum + 0.5f), row[x], (float)factor);
        }
    }
}

static int least_of(const uint8_t *p)
{
    const int two = p[0] < p[1] ? p[0] : p[1];
    return two < p[2] ? two : p[2];
}

static int largest_of(const uint8_t *p)
{
    const int two = p[0] > p[1] ? p[0] : p[1];
    return two > p[2] ? two : p[2];
}

/* RGB to hue, saturation, value in bytes; the hexcone model (Smith, "Color gamut transform pairs",
 * SIGGRAPH 1978). */
static void to_hsv(uint8_t hsv[3], const uint8_t *p)
{
    const int r = p[0], g = p[1], b = p[2];
    const int high = largest_of(p), low = least_of(p);
    hsv[0] = hsv[1] = 0;
    hsv[2] = (uint8_t)high;
    if (high == low)
        return;

    const float range = (float)(high - low), saturation = range / (float)high;
    const float to_r = (float)(high - r) / range, to_g = (float)(high - g) / range,
                to_b = (float)(high - b) / range;
    float sextant;
    if (r == high)
        sextant = to_b - to_g;
    else if (g == high)
        sextant = (float)(2.0 + to_r - to_b);
    else
        sextant = (float)(4.0 + to_g - to_r);

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

bool reel_jitter_is_on(const reel_jitter_amounts *amounts)
{
    return amounts->brightness > 0 || amounts->contrast > 0 || amounts->saturation > 0 ||
           amounts->hue > 0;
}

void reel_jitter(const reel_jitter_amounts *amounts, uint8_t *rgb, int64_t n, reel_rng *rng)
{
    enum { BRIGHTNESS, CONTRAST, SATURATION, HUE, KINDS };
    if (!reel_jitter_is_on(amounts))
        return;

    /* In a random order, as torchvision's ColorJitter: the adjustments do not commute. */
    int order[KINDS] = {BRIGHTNESS, CONTRAST, SATURATION, HUE};
    for (int i = KINDS - 1; i > 0; i--) {
        const int j = (int)reel_rng_below(rng, (uint64_t)i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }

    /* All factors are drawn, also of kinds that are off: then a kind that is switched on leaves the
     * others as they were. */
    const double brightness = around_one(amounts->brightness, rng);
    const double contrast = around_one(amounts->contrast, rng);
    const double saturation = around_one(amounts->saturation, rng);
    const double hue = reel_rng_range(rng, -amounts->hue, amounts->hue);

    for (int i = 0; i < KINDS; i++) {
        if (order[i] == BRIGHTNESS && amounts->brightness > 0)
            reel_adjust_brightness(rgb, n, brightness);
        if (order[i] == CONTRAST && amounts->contrast > 0)
            reel_adjust_contrast(rgb, n, contrast);
        if (order[i] == SATURATION && amounts->saturation > 0)
            reel_adjust_saturation(rgb, n, saturation);
        if (order[i] == HUE && amounts->hue > 0)
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
