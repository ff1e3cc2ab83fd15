/* A scene, back to front: background, scraps, the object with its shadow, a few small scraps before
 * it, light, grain.
 *
 * Everything random is drawn up front from the image's own cursor; per-pixel noise hashes a word of
 * it. So a picture depends on (seed, class, image, size) alone, in whatever order and by whichever
 * thread it is drawn. */
#include "data/synth/synth.h"

#include <math.h>
#include <stdlib.h>

#include "core/elementary.h"

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

static size_t pixel_index(const canvas *c, int x, int y)
{
    return (size_t)y * (size_t)c->width + (size_t)x;
}

static float *colour_at(const canvas *c, int x, int y)
{
    return c->colour + 3 * pixel_index(c, x, y);
}

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
typedef struct background {
    float a[3], b[3], spot[3];
    float gx, gy;       /* where the gradient goes */
    float sx, sy;       /* where the stripes go */
    float stripes;      /* strength; 0 = none */
    float period;       /* of the stripes */
    float cloud;        /* share of `spot` in the clouds */
    float coarse, fine; /* octaves of the noise, in lattice cells a unit */
    uint32_t salt;
} background;

/* The numbers are drawn in this order. */
static background choose_background(reel_rng *rng)
{
    const double turn = 6.2831853;
    background g;
    reel_synth_colour_draw(rng, g.a);
    reel_synth_colour_draw(rng, g.b);
    mix(g.b, g.a, 0.45f); /* not too far apart, so that one object colour can stand out from both */
    reel_synth_colour_draw(rng, g.spot);

    const float way = (float)reel_rng_range(rng, 0, turn);
    const float slant = (float)reel_rng_range(rng, 0, turn);
    g.gx = reel_math_cosf(way);
    g.gy = reel_math_sinf(way);
    g.sx = reel_math_cosf(slant);
    g.sy = reel_math_sinf(slant);

    g.stripes = reel_rng_uniform(rng) < 0.5 ? (float)reel_rng_range(rng, 0.05, 0.22) : 0.0f;
    g.period = (float)reel_rng_range(rng, 2.5, 9.0);
    g.cloud = (float)reel_rng_range(rng, 0.1, 0.5);
    g.coarse = (float)reel_rng_range(rng, 2.0, 6.0);
    g.fine = (float)reel_rng_range(rng, 10.0, 30.0);
    g.salt = reel_rng_u32(rng);
    return g;
}

/* The colour at (u, v), in units of the shorter side. */
static void background_at(const background *g, float u, float v, float pixel[3])
{
    const float t = clamp01(0.5f + 0.6f * ((u - 0.5f) * g->gx + (v - 0.5f) * g->gy));
    const float n = 0.65f * reel_synth_noise(g->salt, u * g->coarse, v * g->coarse) +
                    0.35f * reel_synth_noise(~g->salt, u * g->fine, v * g->fine);
    for (int c = 0; c < 3; c++)
        pixel[c] = g->a[c] + (g->b[c] - g->a[c]) * t;
    mix(pixel, g->spot, g->cloud * n);

    if (g->stripes > 0.0f) {
        const float wave =
            1.0f + g->stripes * reel_math_sinf((u * g->sx + v * g->sy) * g->period * 6.2831853f);
        for (int c = 0; c < 3; c++)
            pixel[c] *= wave;
    }
}

static void draw_background(canvas *to, reel_rng *rng, float mean[3])
{
    const background g = choose_background(rng);
    const float unit = 1.0f / (float)(to->width < to->height ? to->width : to->height);
    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++)
            background_at(&g, ((float)x + 0.5f) * unit, ((float)y + 0.5f) * unit,
                          colour_at(to, x, y));
    for (int c = 0; c < 3; c++)
        mean[c] = 0.5f * (g.a[c] + g.b[c]) * (1.0f - 0.5f * g.cloud) + 0.5f * g.cloud * g.spot[c];
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

/* A pixel's place in the shape's own space, (0, 0) in its middle, y upwards. */
typedef struct object_space {
    const placement *at;
    float c, s, narrow; /* the turn, scaled to radius 1, and the stretch */
} object_space;

static object_space space_of(const placement *at)
{
    return (object_space){.at = at,
                          .c = reel_math_cosf(at->angle) / at->radius,
                          .s = reel_math_sinf(at->angle) / at->radius,
                          .narrow = 1.0f / at->stretch};
}

static void to_object(const object_space *o, int x, int y, float uv[2])
{
    const float dx = (float)x + 0.5f - o->at->x, dy = o->at->y - (float)y - 0.5f;
    uv[0] = (o->c * dx + o->s * dy) * o->narrow;
    uv[1] = (o->c * dy - o->s * dx) * o->at->stretch;
}

/* The field's slope at a pixel, from its neighbours within the box. */
static void slope_at(const canvas *to, const int box[4], int x, int y, float slope[2])
{
    const int up = y > box[1] ? y - 1 : y;
    const int down = y + 1 < box[3] ? y + 1 : y;
    const int left = x > box[0] ? x - 1 : x;
    const int right = x + 1 < box[2] ? x + 1 : x;
    const reel_synth_field *f = to->fields;
    slope[0] = f[pixel_index(to, right, y)].body - f[pixel_index(to, left, y)].body;
    slope[1] = f[pixel_index(to, x, down)].body - f[pixel_index(to, x, up)].body;
}

/* How light the pixel is: a bevel near the outline, whose slope is the field's, and a broad
 * gradient over the whole shape. */
static float shade_at(const canvas *to, const int box[4], const placement *at, int x, int y)
{
    float slope[2];
    slope_at(to, box, x, y, slope);
    const float slope_x = slope[0] * at->radius * 0.5f, slope_y = slope[1] * at->radius * 0.5f;
    const float body = to->fields[pixel_index(to, x, y)].body;
    const float bevel = clamp01(1.0f + body * 9.0f);
    const float facing = slope_x * to->light[0] + slope_y * to->light[1];

    const float dx = (float)x + 0.5f - at->x, dy = at->y - (float)y - 0.5f;
    const float broad = (dx * to->light[0] - dy * to->light[1]) / at->radius;
    return fmaxf(0.2f, 1.0f + 0.45f * bevel * fminf(fmaxf(facing, -1.0f), 1.0f) + 0.14f * broad -
                           0.1f * bevel);
}

/* The paint's colour at (u, v), where the field is as given. */
static void paint_at(const reel_synth_paint *paint, const reel_synth_field *field,
                     const placement *at, const float uv[2], float colour[3])
{
    for (int c = 0; c < 3; c++)
        colour[c] = paint->base[c];
    const float second = clamp01(0.5f - field->second * at->radius);
    const float dark = clamp01(0.5f - field->dark * at->radius);
    if (second < 1.0f)
        mix(colour, paint->other, paint->strength * reel_synth_texture_at(paint, uv[0], uv[1]));
    mix(colour, paint->second, second);
    mix(colour, paint->dark, dark);
}

/* Lays one painted shape over the canvas: the field once per pixel of its box, then shadow, then
 * colour. */
static void stamp(const canvas *to, const reel_synth_shape *shape, const reel_synth_paint *paint,
                  const placement *at)
{
    const float reach = at->radius * 1.25f;
    const int box[4] = {(int)fmaxf(0.0f, at->x - reach), (int)fmaxf(0.0f, at->y - reach),
                        (int)fminf((float)to->width, at->x + reach + 1.0f),
                        (int)fminf((float)to->height, at->y + reach + 1.0f)};
    /* All of the field first: the slope of a pixel looks at its neighbours. */
    const object_space space = space_of(at);
    float uv[2];
    for (int y = box[1]; y < box[3]; y++)
        for (int x = box[0]; x < box[2]; x++) {
            to_object(&space, x, y, uv);
            to->fields[pixel_index(to, x, y)] = reel_synth_shape_at(shape, uv[0], uv[1]);
        }
    if (at->shadow > 0.0f)
        draw_shadow(to, box, at);

    for (int y = box[1]; y < box[3]; y++)
        for (int x = box[0]; x < box[2]; x++) {
            const reel_synth_field field = to->fields[pixel_index(to, x, y)];
            const float cover = clamp01(0.5f - field.body * at->radius);
            if (cover <= 0.0f)
                continue;
            float colour[3];
            to_object(&space, x, y, uv);
            paint_at(paint, &field, at, uv, colour);
            const float shade = shade_at(to, box, at, x, y);
            for (int k = 0; k < 3; k++)
                colour[k] *= shade;
            mix(colour_at(to, x, y), colour, cover);
        }
}

/* `count` scraps of radius least to most, in shorter sides of the canvas. */
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

        /* The paint is to stand out from what lies behind the middle. */
        const int px = (int)at.x, py = (int)at.y;
        const float *behind = colour_at(to, px, py);
        const float ground[3] = {behind[0], behind[1], behind[2]};
        const reel_synth_paint paint = reel_synth_paint_draw(rng, kind, ground);
        stamp(to, &shape, &paint, &at);
    }
}

/* Grain of a pixel, from -2 to 2: four bytes summed are close enough to a bell. */
static float grain_at(uint32_t salt, int x, int y)
{
    const uint32_t h = reel_synth_hash(salt, (uint32_t)x, (uint32_t)y);
    return (float)((h & 255u) + (h >> 8 & 255u) + (h >> 16 & 255u) + (h >> 24)) / 255.0f - 2.0f;
}

/* Uneven light over the whole, sensor grain, and 8 bits. */
static void develop(const canvas *from, reel_rng *rng, reel_image *out)
{
    const float gain = (float)reel_rng_range(rng, 0.85, 1.1);
    const float fall = (float)reel_rng_range(rng, 0.0, 0.35);
    const float grain = (float)reel_rng_range(rng, 0.005, 0.04);
    const uint32_t salt = reel_rng_u32(rng);

    for (int y = 0; y < from->height; y++)
        for (int x = 0; x < from->width; x++) {
            const float side = ((float)x / (float)from->width - 0.5f) * from->light[0] +
                               ((float)y / (float)from->height - 0.5f) * from->light[1];
            const float lamp = gain * (1.0f + fall * side);
            const float noise = grain * grain_at(salt, x, y) * 1.7f;
            const size_t at = 3 * pixel_index(from, x, y);
            for (size_t c = 0; c < 3; c++)
                out->rgb[at + c] =
                    (uint8_t)(clamp01(from->colour[at + c] * lamp + noise) * 255.0f + 0.5f);
        }
}

/* The object: anywhere inside the central square, which a centre crop keeps. */
static placement place_object(const canvas *to, reel_rng *rng, int64_t size)
{
    const float radius = (float)size * (float)reel_rng_range(rng, 0.32, 0.46);
    const float room = 0.5f * (float)size - radius;
    return (placement){.x = 0.5f * (float)to->width + room * (float)reel_rng_range(rng, -1, 1),
                       .y = 0.5f * (float)to->height + room * (float)reel_rng_range(rng, -1, 1),
                       .radius = radius,
                       .angle = (float)reel_rng_range(rng, -0.8, 0.8),
                       .stretch = (float)reel_rng_range(rng, 0.92, 1.08),
                       .shadow = (float)reel_rng_range(rng, 0.1, 0.6)};
}

reel_status reel_synth_draw(reel_synth_work *work, reel_image *out,
                            const reel_synth_picture *picture, reel_error *err)
{
    reel_rng rng =
        reel_rng_at(picture->seed, REEL_STREAM_SYNTH, (uint32_t)picture->kind, picture->image);
    const int64_t size = picture->size;
    const int64_t longer = (int64_t)((double)size * reel_rng_range(&rng, 1.0, 4.0 / 3.0));
    const bool upright = reel_rng_uniform(&rng) < 0.4;
    const int64_t width = upright ? size : longer;
    const int64_t height = upright ? longer : size;
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

    const placement at = place_object(&to, &rng, size);
    const reel_synth_shape shape = reel_synth_shape_draw(&rng, picture->kind);
    const reel_synth_paint paint = reel_synth_paint_draw(&rng, picture->kind, mean);
    stamp(&to, &shape, &paint, &at);

    stamp_scraps(&to, &rng, (int)reel_rng_below(&rng, 4), 0.03f, 0.08f);
    develop(&to, &rng, out);
    return REEL_OK;
}
