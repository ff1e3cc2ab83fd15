/* Plans of the direct gradients of a convolution with a stride. The arithmetic is in
 * templates/strided*, compiled for each instruction set. */
#include "core/kernels/strided.h"

#include "core/kernels/kernels.h"
#include "core/kernels/widest.h"

enum {
    PANEL = REEL_WIDEST_PANEL,
    TILE_PIXELS = 128,      /* that a tile writes in a phase, or sums */
    PAD = 16,               /* floats behind a line, so that lines do not collide in a cache set */
    MOST_LINE = 1 << 15,    /* floats of a line, so that a few fit into a second-level cache */
    MOST_WEIGHTS = 5 << 18, /* they pass through the caches once a tile; */
    MOST_SUMS = 5 << 17     /* those of a weight gradient do so twice */
};

static bool strided_accepts(const reel_conv_shape *s, reel_conv_pass pass, const char **why_not)
{
    const int64_t most = pass == REEL_CONV_WEIGHT_GRAD ? MOST_SUMS : MOST_WEIGHTS;
    *why_not = NULL;
    if (pass == REEL_CONV_FORWARD)
        *why_not = "wants a gradient";
    else if (s->sh * s->sw == 1 || s->sh > s->kh || s->sw > s->kw ||
             s->sh * s->sw > REEL_STRIDED_PHASES)
        *why_not = "wants a stride, at most that of the kernel, and 16 phases";
    else if (s->groups != 1 || s->dh != 1 || s->dw != 1)
        *why_not = "wants one group and dilation 1";
    else if (s->c % PANEL || s->oc % PANEL)
        *why_not = "wants channels in multiples of 32";
    else if (s->w * s->c > MOST_LINE || s->ow * s->oc > MOST_LINE)
        *why_not = "wants shorter lines";
    else if (s->kh * s->kw * s->c * s->oc > most)
        *why_not = "wants fewer weights";
    return !*why_not;
}

static int64_t lesser_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greater_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* One axis of a phase. Pixel first + u stride of x meets taps tap, tap + stride, ...; tap number q
 * meets output pixel origin + u - q, the last one `low` + u. */
typedef struct back_axis {
    int64_t count, taps, last, low;
} back_axis;

static back_axis back_axis_of(int64_t first, int64_t size, int64_t kernel, int64_t stride,
                              int64_t padding)
{
    const int64_t tap = (first + padding) % stride, taps = (kernel - tap + stride - 1) / stride;
    return (back_axis){.count = first < size ? (size - first + stride - 1) / stride : 0,
                       .taps = taps,
                       .last = tap + (taps - 1) * stride,
                       .low = (first + padding - tap) / stride - (taps - 1)};
}

/* The phases, and where the copy begins so that all find their pixels in it. */
static void plan_phases(const reel_conv_shape *s, reel_strided_plan *p)
{
    p->phases = s->sh * s->sw;
    p->low_y = s->oh, p->low_x = s->ow;
    for (int64_t i = 0, weights = 0; i < p->phases; i++) {
        const back_axis y = back_axis_of(i / s->sw, s->h, s->kh, s->sh, s->ph);
        const back_axis x = back_axis_of(i % s->sw, s->w, s->kw, s->sw, s->pw);
        p->phase[i] = (reel_strided_phase){.lines = y.count,
                                           .columns = x.count,
                                           .y = i / s->sw,
                                           .x = i % s->sw,
                                           .taps_y = y.taps,
                                           .taps_x = x.taps,
                                           .tap_y = y.last,
                                           .tap_x = x.last,
                                           .in_y = y.low,
                                           .in_x = x.low,
                                           .weights = weights};
        p->low_y = lesser_of(p->low_y, y.low);
        p->low_x = lesser_of(p->low_x, x.low);
        weights += y.taps * x.taps * s->oc * s->c;
    }
    for (int64_t i = 0; i < p->phases; i++) {
        p->phase[i].in_y -= p->low_y;
        p->phase[i].in_x -= p->low_x;
    }
}

reel_strided_plan reel_strided_plan_of(const reel_conv_shape *s)
{
    reel_strided_plan p = {0};
    plan_phases(s, &p);

    int64_t reach_y = 0, reach_x = 0;
    for (int64_t i = 0; i < p.phases; i++) {
        reach_y = greater_of(reach_y, p.phase[i].in_y + p.phase[i].taps_y);
        reach_x = greater_of(reach_x, p.phase[i].in_x + p.phase[i].taps_x);
    }

    /* Tiles of an image are as even as can be; of small images, several make a tile. */
    const int64_t wide = p.phase[0].columns, all = p.phase[0].lines * wide;
    const int64_t tiles = (all + TILE_PIXELS - 1) / TILE_PIXELS;
    p.high = p.phase[0].lines;
    p.lines = (p.high + tiles - 1) / tiles;
    p.images = p.lines == p.high ? lesser_of(greater_of(TILE_PIXELS / all, 1), s->n) : 1;
    p.rows = p.images * p.lines * wide;

    p.copied = p.lines - 1 + reach_y;
    p.pixels = wide - 1 + reach_x;
    p.line = p.pixels * s->oc + PAD;
    p.copy = p.images * p.copied * p.line;
    /* The copy, sums, and two offsets of 8 bytes a pixel; a few more for rows that are asked for.
     */
    p.own = p.copy + (p.rows * (2 * PANEL + 4) + PAD - 1) / PAD * PAD + PAD;
    return p;
}

reel_strided_tiles reel_strided_tiles_of(const reel_conv_shape *s)
{
    reel_strided_tiles t = {.dy_pixel = s->oc + PAD};
    t.lines = greater_of(TILE_PIXELS / s->ow, 1);
    t.count = (s->n * s->oh + t.lines - 1) / t.lines;
    t.x = t.lines * s->ow * t.dy_pixel;
    t.own = t.x + t.lines * s->ow * 2 * PANEL;
    return t;
}

static size_t strided_scratch(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass,
                              bool f64)
{
    (void)f64;
    const int64_t threads = reel_ctx_threads(ctx);
    const int64_t floats =
        pass == REEL_CONV_WEIGHT_GRAD
            ? threads * reel_strided_tiles_of(s).own
            : s->kh * s->kw * s->c * s->oc + threads * reel_strided_plan_of(s).own;
    return (size_t)floats * sizeof(float);
}

static void strided_run(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass,
                        bool f64)
{
    (void)f64;
    reel_ctx_kernels(ctx)->strided[pass](job, reel_ctx_threads(ctx));
}

const reel_conv_kind reel_conv_strided = {
    .name = "direct", .accepts = strided_accepts, .scratch = strided_scratch, .run = strided_run};
