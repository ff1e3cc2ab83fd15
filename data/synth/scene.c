/* A scene, back to front: background, scraps, the object with its shadow, a few small scraps before
 * it, light, grain.
 *
 * Everything random is drawn up front from the image's own cursor; per-pixel noise hashes a word of
 * it. So a picture depends on (seed, class, image, size) alone, in whatever order and by whichever
 * thread it is drawn. */
#include "data/synth/synth.h"

#include "core/elementary.h"

#include <math.h>
#include <stdlib.h>

typedef struct canvas {
    float *colour;
    reel_synth_field *fields;
    int width, height;
    float light[2]; /* towards the lamp, y downwards, length 1 */
} canvas;

typedef struct placement {
    float x, y, radius, angle, stretch;
    float shadow; /* opacity; 0 = none */
} placement;

void reel_synth_work_free(reel_synth_work *work)
{
    free(work->colour);
    free(work->fields);
    *work = (reel_synth_work){0};
}

static reel_status reserve(reel_synth_work *work, size_t pixels, reel_error *err)
{
    if (work->pixels >= pixels)
        return REEL_OK;
    reel_synth_work_free(work);
    work->colour = malloc(pixels * 3 * sizeof *work->colour);
    work->fields = malloc(pixels * sizeof *work->fields);
    if (work->colour == NULL || work->fields == NULL) {
        reel_synth_work_free(work);
        return reel_fail(err, REEL_ERR_MEMORY, "synth: no memory for a picture of %zu pixels",
                         pixels);
    }
    work->pixels = pixels;
    return REEL_OK;
}

static float clamp01(float x)
{
    return fminf(fmaxf(x, 0.0f), 1.0f);
}

static void mix(float into[3], const float with[3], float share)
{
    for (int c = 0; c < 3; c++)
        into[c] += (with[c] - into[c]) * share;
}

/* Gradient between two colours, cloudy noise in two octaves, and half of the time broad stripes. */
static void draw_background(canvas *to, reel_rng *rng, float mean[3])
{
    float a[3], b[3], spot[3];
    reel_synth_colour_draw(rng, a);
    reel_synth_colour_draw(rng, b);
    mix(b, a, 0.45f); /* not too far apart, so that one object colour can stand out from both */
    reel_synth_colour_draw(rng, spot);
    const float turn = (float)reel_rng_range(rng, 0, 6.2831853), gx = reel_math_cosf(turn),
                gy = reel_math_sinf(turn);
    const float slant = (float)reel_rng_range(rng, 0, 6.2831853), sx = reel_math_cosf(slant),
                sy = reel_math_sinf(slant);
    const float stripes =
        reel_rng_uniform(rng) < 0.5 ? (float)reel_rng_range(rng, 0.05, 0.22) : 0.0f;
    const float period = (float)reel_rng_range(rng, 2.5, 9.0),
                cloud = (float)reel_rng_range(rng, 0.1, 0.5);
    const float coarse = (float)reel_rng_range(rng, 2.0, 6.0),
                fine = (float)reel_rng_range(rng, 10.0, 30.0);
    const uint32_t salt = reel_rng_u32(rng);
    const float unit = 1.0f / (float)(to->width < to->height ? to->width : to->height);
    for (int y = 0; y < to->height; y++) {
        for (int x = 0; x < to->width; x++) {
            float *pixel = to->colour + 3 * ((size_t)y * (size_t)to->width + (size_t)x);
            const float u = ((float)x + 0.5f) * unit, v = ((float)y + 0.5f) * unit;
            const float t = clamp01(0.5f + 0.6f * ((u - 0.5f) * gx + (v - 0.5f) * gy));
            const float n = 0.65f * reel_synth_noise(salt, u * coarse, v * coarse) +
                            0.35f * reel_synth_noise(~salt, u * fine, v * fine);
            for (int c = 0; c < 3; c++)
                pixel[c] = a[c] + (b[c] - a[c]) * t;
            mix(pixel, spot, cloud * n);
            if (stripes > 0.0f) {
                const float wave =
                    1.0f + stripes * reel_math_sinf((u * sx + v * sy) * period * 6.2831853f);
                for (int c = 0; c < 3; c++)
                    pixel[c] *= wave;
            }
        }
    }
    for (int c = 0; c < 3; c++)
        mean[c] = 0.5f * (a[c] + b[c]) * (1.0f - 0.5f * cloud) + 0.5f * cloud * spot[c];
}

static void draw_shadow(const canvas *to, const int box[4], const placement *at)
{
    const int ox = (int)lrintf(-0.09f * at->radius * to->light[0]),
              oy = (int)lrintf(-0.09f * at->radius * to->light[1]);
    for (int y = box[1]; y < box[3]; y++) {
        for (int x = box[0]; x < box[2]; x++) {
            const int fx = x - ox, fy = y - oy;
            if (fx < box[0] || fx >= box[2] || fy < box[1] || fy >= box[3])
                continue;
            const float d = to->fields[(size_t)fy * (size_t)to->width + (size_t)fx].body;
            const float dim = 1.0f - at->shadow * clamp01(0.5f - d * 8.0f);
            float *pixel = to->colour + 3 * ((size_t)y * (size_t)to->width + (size_t)x);
            for (int c = 0; c < 3; c++)
                pixel[c] *= dim;
        }
    }
}

/* Lays one painted shape over the canvas: the field once per pixel of its box, then shadow, then
 * colour with a bevel whose slope is the field's difference between neighbours. */
static void stamp(const canvas *to, const reel_synth_shape *shape, const reel_synth_paint *paint,
                  const placement *at)
{
    const float reach = at->radius * 1.25f;
    const int box[4] = {(int)fmaxf(0.0f, at->x - reach), (int)fmaxf(0.0f, at->y - reach),
                        (int)fminf((float)to->width, at->x + reach + 1.0f),
                        (int)fminf((float)to->height, at->y + reach + 1.0f)};
    const float c = reel_math_cosf(at->angle) / at->radius,
                s = reel_math_sinf(at->angle) / at->radius, narrow = 1.0f / at->stretch;
    for (int y = box[1]; y < box[3]; y++) {
        for (int x = box[0]; x < box[2]; x++) {
            const float dx = (float)x + 0.5f - at->x, dy = at->y - (float)y - 0.5f;
            const float u = (c * dx + s * dy) * narrow, v = (c * dy - s * dx) * at->stretch;
            to->fields[(size_t)y * (size_t)to->width + (size_t)x] =
                reel_synth_shape_at(shape, u, v);
        }
    }
    if (at->shadow > 0.0f)
        draw_shadow(to, box, at);
    for (int y = box[1]; y < box[3]; y++) {
        const int up = y > box[1] ? y - 1 : y, down = y + 1 < box[3] ? y + 1 : y;
        for (int x = box[0]; x < box[2]; x++) {
            const int left = x > box[0] ? x - 1 : x, right = x + 1 < box[2] ? x + 1 : x;
            const reel_synth_field *row = to->fields + (size_t)y * (size_t)to->width,
                                   field = row[x];
            const float cover = clamp01(0.5f - field.body * at->radius);
            if (cover <= 0.0f)
                continue;
            const float dx = (float)x + 0.5f - at->x, dy = at->y - (float)y - 0.5f;
            const float u = (c * dx + s * dy) * narrow, v = (c * dy - s * dx) * at->stretch;
            float colour[3] = {paint->base[0], paint->base[1], paint->base[2]};
            const float second = clamp01(0.5f - field.second * at->radius),
                        dark = clamp01(0.5f - field.dark * at->radius);
            if (second < 1.0f)
                mix(colour, paint->other, paint->strength * reel_synth_texture_at(paint, u, v));
            mix(colour, paint->second, second);
            mix(colour, paint->dark, dark);
            const float slope_x = (row[right].body - row[left].body) * at->radius * 0.5f;
            const float slope_y = (to->fields[(size_t)down * (size_t)to->width + (size_t)x].body -
                                   to->fields[(size_t)up * (size_t)to->width + (size_t)x].body) *
                                  at->radius * 0.5f;
            const float bevel = clamp01(1.0f + field.body * 9.0f),
                        facing = slope_x * to->light[0] + slope_y * to->light[1];
            const float broad = (dx * to->light[0] - dy * to->light[1]) / at->radius;
            const float shade =
                fmaxf(0.2f, 1.0f + 0.45f * bevel * fminf(fmaxf(facing, -1.0f), 1.0f) +
                                0.14f * broad - 0.1f * bevel);
            for (int k = 0; k < 3; k++)
                colour[k] *= shade;
            mix(to->colour + 3 * ((size_t)y * (size_t)to->width + (size_t)x), colour, cover);
        }
    }
}

static void stamp_scraps(const canvas *to, reel_rng *rng, int count, float least, float most)
{
    const float unit = (float)(to->width < to->height ? to->width : to->height);
    for (int i = 0; i < count; i++) {
        const int kinds = REEL_SYNTH_SHAPES - REEL_SYNTH_SCRAP_BOX;
        const reel_synth_kind kind =
            (reel_synth_kind)(REEL_SYNTH_SCRAP_BOX + (int)reel_rng_below(rng, (uint64_t)kinds));
        const placement at = {.x = (float)reel_rng_range(rng, 0, to->width),
                              .y = (float)reel_rng_range(rng, 0, to->height),
                              .radius = unit * (float)reel_rng_range(rng, least, most),
                              .angle = (float)reel_rng_range(rng, 0, 6.2831853),
                              .stretch = 1.0f,
                              .shadow = reel_rng_uniform(rng) < 0.5 ? 0.3f : 0.0f};
        const reel_synth_shape shape = reel_synth_shape_draw(rng, kind);
        const int px = (int)at.x, py = (int)at.y;
        const float *behind = to->colour + 3 * ((size_t)py * (size_t)to->width + (size_t)px);
        const float ground[3] = {behind[0], behind[1], behind[2]};
        const reel_synth_paint paint = reel_synth_paint_draw(rng, kind, ground);
        stamp(to, &shape, &paint, &at);
    }
}

/* Uneven light over the whole, sensor grain, and 8 bits. */
static void develop(const canvas *from, reel_rng *rng, reel_image *out)
{
    const float gain = (float)reel_rng_range(rng, 0.85, 1.1),
                fall = (float)reel_rng_range(rng, 0.0, 0.35);
    const float grain = (float)reel_rng_range(rng, 0.005, 0.04);
    const uint32_t salt = reel_rng_u32(rng);
    for (int y = 0; y < from->height; y++) {
        for (int x = 0; x < from->width; x++) {
            const float side = ((float)x / (float)from->width - 0.5f) * from->light[0] +
                               ((float)y / (float)from->height - 0.5f) * from->light[1];
            const float lamp = gain * (1.0f + fall * side);
            const uint32_t h = reel_synth_hash(salt, (uint32_t)x, (uint32_t)y);
            /* four bytes summed: close enough to a bell */
            const float noise =
                grain *
                ((float)((h & 255u) + (h >> 8 & 255u) + (h >> 16 & 255u) + (h >> 24)) / 255.0f -
                 2.0f) *
                1.7f;
            const size_t at = 3 * ((size_t)y * (size_t)from->width + (size_t)x);
            for (int c = 0; c < 3; c++)
                out->rgb[at + (size_t)c] =
                    (uint8_t)(clamp01(from->colour[at + (size_t)c] * lamp + noise) * 255.0f + 0.5f);
        }
    }
}

reel_status reel_synth_draw(reel_synth_work *work, reel_image *out, uint64_t seed,
                            reel_synth_kind kind, uint32_t image, int64_t size, reel_error *err)
{
    reel_rng rng = reel_rng_at(seed, REEL_STREAM_SYNTH, (uint32_t)kind, image);
    const int64_t longer = (int64_t)((double)size * reel_rng_range(&rng, 1.0, 4.0 / 3.0));
    const bool upright = reel_rng_uniform(&rng) < 0.4;
    const int64_t width = upright ? size : longer, height = upright ? longer : size;
    REEL_TRY(reserve(work, (size_t)(width * height), err));
    REEL_TRY(reel_image_resize_buffer(out, width, height, err));

    canvas to = {
        .colour = work->colour, .fields = work->fields, .width = (int)width, .height = (int)height};
    const double lamp = reel_rng_range(&rng, -2.8, -0.3); /* from above, a little left or right */
    to.light[0] = (float)reel_math_cos(lamp);
    to.light[1] = (float)reel_math_sin(lamp);
    float mean[3];
    draw_background(&to, &rng, mean);
    stamp_scraps(&to, &rng, 4 + (int)reel_rng_below(&rng, 6), 0.05f, 0.15f);

    /* Anywhere inside the central square, which a centre crop keeps. */
    const float radius = (float)size * (float)reel_rng_range(&rng, 0.32, 0.46),
                room = 0.5f * (float)size - radius;
    const placement at = {.x = 0.5f * (float)width + room * (float)reel_rng_range(&rng, -1, 1),
                          .y = 0.5f * (float)height + room * (float)reel_rng_range(&rng, -1, 1),
                          .radius = radius,
                          .angle = (float)reel_rng_range(&rng, -0.8, 0.8),
                          .stretch = (float)reel_rng_range(&rng, 0.92, 1.08),
                          .shadow = (float)reel_rng_range(&rng, 0.1, 0.6)};
    const reel_synth_shape shape = reel_synth_shape_draw(&rng, kind);
    const reel_synth_paint paint = reel_synth_paint_draw(&rng, kind, mean);
    stamp(&to, &shape, &paint, &at);

    stamp_scraps(&to, &rng, (int)reel_rng_below(&rng, 4), 0.03f, 0.08f);
    develop(&to, &rng, out);
    return REEL_OK;
}
