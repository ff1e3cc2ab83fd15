/* Textures and colours.
 *
 * Each class has a texture it wears most of the time, as fish have scales and houses bricks; the
 * scraps wear any of them, so that a texture somewhere in the picture says little. Colours follow
 * one distribution for all. */
#include "data/synth/synth.h"

#include "core/elementary.h"

#include <math.h>

static const float tau = 6.28318531f;

uint32_t reel_synth_hash(uint32_t salt, uint32_t x, uint32_t y)
{
    uint32_t h = salt ^ (x * 0x9e3779b1u) ^ (y * 0x85ebca77u);
    h = (h ^ (h >> 15)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12)) * 0x297a2d39u;
    return h ^ (h >> 15);
}

static float lattice(uint32_t salt, int x, int y)
{
    return (float)(reel_synth_hash(salt, (uint32_t)x, (uint32_t)y) >> 8) * 0x1p-24f;
}

float reel_synth_noise(uint32_t salt, float x, float y)
{
    const float fx = floorf(x), fy = floorf(y), ax = x - fx, ay = y - fy;
    const float u = ax * ax * (3.0f - 2.0f * ax), v = ay * ay * (3.0f - 2.0f * ay);
    const int ix = (int)fx, iy = (int)fy;
    const float top = lattice(salt, ix, iy) * (1.0f - u) + lattice(salt, ix + 1, iy) * u;
    const float bottom = lattice(salt, ix, iy + 1) * (1.0f - u) + lattice(salt, ix + 1, iy + 1) * u;
    return top * (1.0f - v) + bottom * v;
}

static float frac(float x)
{
    return x - floorf(x);
}

/* 0 below lo, 1 above hi, smooth between. */
static float ramp(float lo, float hi, float x)
{
    const float t = fminf(fmaxf((x - lo) / (hi - lo), 0.0f), 1.0f);
    return t * t * (3.0f - 2.0f * t);
}

/* A line pattern of period 1: 1 on the lines. */
static float lines(float x)
{
    return ramp(0.10f, 0.30f, fabsf(frac(x) - 0.5f));
}

float reel_synth_texture_at(const reel_synth_paint *paint, float x, float y)
{
    const float f = paint->frequency, u = x * f + paint->phase[0], v = y * f + paint->phase[1];
    switch (paint->texture) {
    case REEL_SYNTH_HATCH:
        return lines((u + v) * 0.7f);
    case REEL_SYNTH_WEAVE:
        return ramp(-0.2f, 0.2f, reel_math_sinf(u * tau * 0.5f) * reel_math_sinf(v * tau * 0.5f));
    case REEL_SYNTH_SCALES: {
        const float row = floorf(v), a = frac(u + 0.5f * row) - 0.5f, b = frac(v);
        return ramp(0.12f, 0.02f, fabsf(sqrtf(a * a + b * b) - 0.55f)) + 0.25f * b;
    }
    case REEL_SYNTH_RAYS:
        return lines(reel_math_atan2f(y, x) / tau * roundf(4.5f * f) + paint->phase[0]);
    case REEL_SYNTH_GROOVES:
        return lines(sqrtf(x * x + y * y) * f * 1.1f + paint->phase[0]);
    case REEL_SYNTH_BRICKS: {
        const float row = floorf(v * 1.3f), a = frac(u * 0.65f + 0.5f * row), b = frac(v * 1.3f);
        return fmaxf(ramp(0.10f, 0.04f, fminf(a, 1.0f - a) / 0.65f),
                     ramp(0.15f, 0.07f, fminf(b, 1.0f - b)));
    }
    case REEL_SYNTH_BRUSHED:
        return ramp(0.3f, 0.7f, reel_synth_noise(paint->salt, u * 0.5f, v * 3.5f));
    case REEL_SYNTH_DOTS: {
        const float row = floorf(v), a = frac(u + 0.5f * row) - 0.5f, b = frac(v) - 0.5f;
        return ramp(0.34f, 0.24f, sqrtf(a * a + b * b));
    }
    case REEL_SYNTH_BANDS:
        return ramp(
            -0.1f, 0.1f,
            reel_math_sinf(reel_math_atan2f(y, x) * roundf(f * 0.8f) + paint->phase[0] * tau));
    case REEL_SYNTH_SPECKLE:
        return ramp(0.58f, 0.68f, reel_synth_noise(paint->salt, u * 2.2f, v * 2.2f));
    case REEL_SYNTH_PLAIN:
        break;
    }
    return 0.0f;
}

void reel_synth_colour_draw(reel_rng *rng, float rgb[3])
{
    const float hue = (float)reel_rng_range(rng, 0, 6),
                saturation = (float)reel_rng_range(rng, 0.0, 0.9);
    const float value = (float)reel_rng_range(rng, 0.12, 1.0);
    for (int c = 0; c < 3; c++) {
        const float k = fmodf(hue + (float)(5 - 2 * c), 6.0f); /* HSV to RGB without cases */
        rgb[c] = value * (1.0f - saturation * fmaxf(0.0f, fminf(fminf(k, 4.0f - k), 1.0f)));
    }
}

static float difference(const float a[3], const float b[3])
{
    const float r = a[0] - b[0], g = a[1] - b[1], u = a[2] - b[2];
    return sqrtf(r * r + g * g + u * u);
}

/* A colour at least `least` from another; after 24 tries the last one, so that it ends. */
static void contrasting(reel_rng *rng, float rgb[3], const float from[3], float least)
{
    for (int i = 0; i < 24; i++) {
        reel_synth_colour_draw(rng, rgb);
        if (difference(rgb, from) >= least)
            return;
    }
}

reel_synth_paint reel_synth_paint_draw(reel_rng *rng, reel_synth_kind kind, const float behind[3])
{
    static const reel_synth_texture usual[REEL_SYNTH_CLASSES] = {
        [REEL_SYNTH_ARROW] = REEL_SYNTH_HATCH,  [REEL_SYNTH_CROSS] = REEL_SYNTH_WEAVE,
        [REEL_SYNTH_FISH] = REEL_SYNTH_SCALES,  [REEL_SYNTH_FLOWER] = REEL_SYNTH_RAYS,
        [REEL_SYNTH_GEAR] = REEL_SYNTH_GROOVES, [REEL_SYNTH_HOUSE] = REEL_SYNTH_BRICKS,
        [REEL_SYNTH_KEY] = REEL_SYNTH_BRUSHED,  [REEL_SYNTH_MUG] = REEL_SYNTH_DOTS,
        [REEL_SYNTH_RING] = REEL_SYNTH_BANDS,   [REEL_SYNTH_STAR] = REEL_SYNTH_SPECKLE,
    };
    reel_synth_paint paint = {.salt = reel_rng_u32(rng)};
    const bool scrap = (int)kind >= REEL_SYNTH_CLASSES;
    const bool own =
        reel_rng_uniform(rng) < 0.9; /* the rest wear anything: outlines have to be learnt too */
    const reel_synth_texture any = (reel_synth_texture)reel_rng_below(rng, REEL_SYNTH_PLAIN + 1);
    paint.texture = own && !scrap ? usual[kind] : any;
    paint.frequency = (float)reel_rng_range(rng, 4.5, 7.0);
    if (scrap)
        paint.frequency *= 0.45f; /* scraps are small: the same grain in pixels */
    for (int i = 0; i < 2; i++)
        paint.phase[i] = (float)reel_rng_uniform(rng);
    paint.strength = (float)reel_rng_range(rng, 0.65, 1.0);
    contrasting(rng, paint.base, behind, 0.40f);
    contrasting(rng, paint.other, paint.base, 0.55f);
    contrasting(rng, paint.second, paint.base, 0.40f);
    for (int c = 0; c < 3; c++)
        paint.dark[c] = 0.15f * paint.second[c];
    return paint;
}
