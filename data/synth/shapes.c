/* The outlines: each object is a few discs, boxes and wedges joined by min and max of signed
 * distances.
 *
 * Distances rather than polygons, because one number a pixel gives the antialiased edge, the
 * bevel's slope and the shadow. Min and max keep the zero line exact; away from it the distance may
 * be too short, which only the bevel sees. */
#include "data/synth/synth.h"

#include "core/elementary.h"

#include <math.h>

const char *const reel_synth_names[REEL_SYNTH_CLASSES] = {
    "arrow", "cross", "fish", "flower", "gear", "house", "key", "mug", "ring", "star"};

static const float pi = 3.14159265f;
static const float nowhere = 9.0f; /* the distance of a part that a shape lacks */

static float disc(float x, float y, float radius)
{
    return sqrtf(x * x + y * y) - radius;
}

static float ellipse(float x, float y, float rx, float ry)
{
    const float a = sqrtf(x * x / (rx * rx) + y * y / (ry * ry)),
                b = sqrtf(x * x / (rx * rx * rx * rx) + y * y / (ry * ry * ry * ry));
    return b > 1e-6f ? a * (a - 1.0f) / b : -fminf(rx, ry);
}

static float box(float x, float y, float hx, float hy)
{
    const float dx = fabsf(x) - hx, dy = fabsf(y) - hy, ox = fmaxf(dx, 0.0f), oy = fmaxf(dy, 0.0f);
    return sqrtf(ox * ox + oy * oy) + fminf(fmaxf(dx, dy), 0.0f);
}

/* Isosceles triangle: tip at (length, 0), base from (0, -half) to (0, half). */
static float wedge(float x, float y, float length, float half)
{
    const float slant = 1.0f / sqrtf(length * length + half * half);
    return fmaxf(-x, ((x - length) * half + fabsf(y) * length) * slant);
}

/* Turns (x, y) about the origin by a multiple of 360/n degrees, into the sector around the positive
 * x axis. */
static void fold(float *x, float *y, int n)
{
    const float sector = 2.0f * pi / (float)n,
                turn = sector * roundf(reel_math_atan2f(*y, *x) / sector);
    const float c = reel_math_cosf(turn), s = reel_math_sinf(turn), fx = c * *x + s * *y;
    *y = c * *y - s * *x;
    *x = fx;
}

reel_synth_shape reel_synth_shape_draw(reel_rng *rng, reel_synth_kind kind)
{
    static const struct {
        float lo[4], hi[4];
        int least, most;
    } range[REEL_SYNTH_SHAPES] = {
        [REEL_SYNTH_ARROW] = {{0.15f, 0.50f, 0.00f},
                              {0.24f, 0.66f, 0.20f},
                              0,
                              0}, /* shaft, head, where the head starts */
        [REEL_SYNTH_CROSS] = {{0.22f, 0.80f, 0.00f},
                              {0.34f, 1.00f, 0.08f},
                              0,
                              0}, /* arm, cross-arm, rounding */
        [REEL_SYNTH_FISH] = {{0.34f, 0.38f, 0.00f},
                             {0.46f, 0.52f, 0.20f},
                             0,
                             0}, /* belly, tail, notch */
        [REEL_SYNTH_FLOWER] = {{0.24f, 0.20f, 0.00f},
                               {0.30f, 0.30f, 1.00f},
                               5,
                               7}, /* petal, heart */
        [REEL_SYNTH_GEAR] = {{0.18f, 0.10f, 0.74f},
                             {0.30f, 0.14f, 0.80f},
                             8,
                             12}, /* bore, tooth, root */
        [REEL_SYNTH_HOUSE] = {{0.58f, 0.80f, -0.35f, 0.10f},
                              {0.70f, 0.95f, 0.35f, 0.22f},
                              0,
                              0}, /* wall, eaves, door, window */
        [REEL_SYNTH_KEY] = {{0.30f, 0.09f, 0.08f, 0.16f},
                            {0.38f, 0.13f, 0.12f, 0.26f},
                            2,
                            4}, /* bow, its rim, shaft, bit */
        [REEL_SYNTH_MUG] = {{0.48f, 0.62f, -0.12f, 0.26f},
                            {0.58f, 0.78f, 0.12f, 0.36f},
                            0,
                            0}, /* width, height, taper, handle */
        [REEL_SYNTH_RING] = {{0.16f, 0.70f}, {0.26f, 0.74f}, 0, 0}, /* thickness, radius */
        [REEL_SYNTH_STAR] = {{0.40f}, {0.52f}, 5, 6},               /* inner radius */
        [REEL_SYNTH_SCRAP_BOX] = {{0.5f, 0.3f}, {0.9f, 0.9f}, 0, 0},
        [REEL_SYNTH_SCRAP_DISC] = {{0.6f, 0.4f}, {0.9f, 0.9f}, 0, 0},
        [REEL_SYNTH_SCRAP_WEDGE] = {{0.8f, 0.4f}, {1.4f, 0.9f}, 0, 0},
        [REEL_SYNTH_SCRAP_ARC] = {{0.6f, 0.08f, -0.6f}, {0.9f, 0.2f, 0.4f}, 0, 0},
        [REEL_SYNTH_SCRAP_STROKE] = {{0.8f, 0.06f}, {1.0f, 0.18f}, 0, 0},
    };
    reel_synth_shape shape = {.kind = kind};
    for (int i = 0; i < 4; i++)
        shape.p[i] = (float)reel_rng_range(rng, range[kind].lo[i], range[kind].hi[i]);
    shape.count = range[kind].least +
                  (int)reel_rng_below(rng, (uint64_t)(range[kind].most - range[kind].least + 1));
    return shape;
}

static reel_synth_field fish(const float p[4], float x, float y)
{
    const float fan = wedge(x + 1.0f, y, 0.72f, p[1]); /* points into the body */
    const float notch = wedge(x + 1.0f, y, p[2] + 0.02f, p[1] * 0.8f),
                fins = wedge(x + 0.25f, y - p[0] + 0.12f, 0.55f, 0.34f);
    const float trim = fminf(fmaxf(fan, -notch), fmaxf(fins, 0.1f - y)),
                flesh = ellipse(x - 0.2f, y, 0.78f, p[0]);
    const float gill =
        fmaxf(fabsf(disc(x - 0.85f, y, 0.48f)) - 0.025f, fmaxf(fabsf(y) - p[0] * 0.7f, x - 0.6f));
    return (reel_synth_field){fminf(flesh, trim), fmaxf(trim, -flesh),
                              fminf(disc(x - 0.65f, y - 0.1f, 0.075f), gill)};
}

static reel_synth_field flower(const reel_synth_shape *shape, float x, float y)
{
    const float heart = disc(x, y, shape->p[1]);
    fold(&x, &y, shape->count);
    const float petal =
        ellipse(x - 0.56f, y, 0.43f, shape->p[0] * 6.4f / (float)(shape->count + 1));
    return (reel_synth_field){fminf(petal, heart), heart, nowhere};
}

static reel_synth_field gear(const reel_synth_shape *shape, float x, float y)
{
    const float *p = shape->p, wheel = disc(x, y, p[2]), bore = disc(x, y, p[0]);
    fold(&x, &y, shape->count);
    const float teeth =
        box(x - 0.5f * (p[2] + 1.0f), y, 0.5f * (1.04f - p[2]), p[1] * 10.0f / (float)shape->count);
    return (reel_synth_field){fmaxf(fminf(wheel, teeth), -bore), bore - 0.14f, nowhere};
}

static reel_synth_field house(const float p[4], float x, float y)
{
    const float wall = box(x, y + 0.38f, p[0], 0.52f), roof = wedge(y - 0.12f, x, 0.82f, p[1]);
    const float chimney = box(x - 0.45f, y - 0.55f, 0.1f, 0.28f),
                door = box(x - p[2], y + 0.6f, 0.13f, 0.28f);
    const float wx = fabsf(x - p[2]) - 0.34f,
                pane = fmaxf(box(wx, y + 0.28f, p[3] * 0.7f, p[3]), 0.02f - fabsf(y + 0.28f));
    return (reel_synth_field){fminf(fminf(wall, chimney), roof), roof,
                              fminf(door, fmaxf(pane, fabsf(x) - p[0] + 0.05f))};
}

static reel_synth_field key(const reel_synth_shape *shape, float x, float y)
{
    const float *p = shape->p, bow = fabsf(disc(x + 0.62f, y, p[0] - p[1])) - p[1];
    float metal = fminf(bow, box(x - 0.32f, y, 0.68f, p[2]));
    for (int i = 0; i < shape->count; i++) {
        const float length = p[3] * (i % 2 == 0 ? 1.0f : 0.7f);
        metal = fminf(metal, box(x - 0.92f + 0.19f * (float)i, y + p[2] + 0.5f * length, 0.065f,
                                 0.5f * length + 0.02f));
    }
    return (reel_synth_field){metal, nowhere, nowhere};
}

static reel_synth_field mug(const float p[4], float x, float y)
{
    const float cx = (x + 0.2f) / (1.0f + p[2] * y), foot = ellipse(cx, y + p[1], p[0], 0.13f);
    const float side = fminf(box(cx, y, p[0], p[1]), foot),
                rim = ellipse(cx, y - p[1], p[0], 0.15f);
    const float handle =
        fmaxf(fabsf(ellipse(x + 0.2f - p[0], y, p[3] + 0.08f, p[3] + 0.12f)) - 0.085f,
              p[0] - 0.06f - (x + 0.2f));
    return (reel_synth_field){fminf(fminf(side, rim), handle), rim,
                              ellipse(cx, y - p[1] + 0.01f, p[0] - 0.08f, 0.09f)};
}

static reel_synth_field star(const reel_synth_shape *shape, float x, float y)
{
    fold(&x, &y, shape->count);
    const float half = pi / (float)shape->count, ex = shape->p[0] * reel_math_cosf(half) - 1.0f,
                ey = shape->p[0] * reel_math_sinf(half);
    const float edge = ((x - 1.0f) * ey - fabsf(y) * ex) / sqrtf(ex * ex + ey * ey);
    return (reel_synth_field){edge, nowhere, nowhere};
}

reel_synth_field reel_synth_shape_at(const reel_synth_shape *shape, float x, float y)
{
    const float *p = shape->p;
    float d = nowhere;
    switch (shape->kind) {
    case REEL_SYNTH_ARROW:
        d = fminf(box(x + 0.42f, y, 0.56f, p[0]), wedge(x - p[2], y, 1.0f - p[2], p[1]));
        break;
    case REEL_SYNTH_CROSS:
        d = fminf(box(x, y, 1.0f - p[2], p[0] - p[2]), box(x, y, p[0] - p[2], p[1] - p[2])) - p[2];
        return (reel_synth_field){d, fabsf(box(x, y, p[0], p[0])) - 0.04f, nowhere};
    case REEL_SYNTH_FISH:
        return fish(p, x, y);
    case REEL_SYNTH_FLOWER:
        return flower(shape, x, y);
    case REEL_SYNTH_GEAR:
        return gear(shape, x, y);
    case REEL_SYNTH_HOUSE:
        return house(p, x, y);
    case REEL_SYNTH_KEY:
        return key(shape, x, y);
    case REEL_SYNTH_MUG:
        return mug(p, x, y);
    case REEL_SYNTH_RING:
        d = fabsf(disc(x, y, p[1])) - p[0];
        break;
    case REEL_SYNTH_STAR:
        return star(shape, x, y);
    case REEL_SYNTH_SCRAP_BOX:
        d = box(x, y, p[0], p[1] * 0.8f);
        break;
    case REEL_SYNTH_SCRAP_DISC:
        d = ellipse(x, y, p[0], p[1]);
        break;
    case REEL_SYNTH_SCRAP_WEDGE:
        d = wedge(x + 0.5f, y, p[0], p[1]);
        break;
    case REEL_SYNTH_SCRAP_ARC:
        d = fmaxf(fabsf(disc(x, y, p[0])) - p[1], p[2] - x);
        break;
    case REEL_SYNTH_SCRAP_STROKE:
        d = box(x, y, p[0] - p[1], 0.0f) - p[1];
        break;
    case REEL_SYNTH_SHAPES:
        break;
    }
    return (reel_synth_field){d, nowhere, nowhere};
}
