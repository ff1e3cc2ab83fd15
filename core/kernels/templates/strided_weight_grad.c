/* The weight gradient of convolutions with a stride:
 *
 *   dw (oc, tap, c) = sum over tiles  dy^T (oc, pixels) x (pixels, c) under the tap
 *
 * Threads share out taps and panels of dw. Each goes through all tiles in order: it packs dy of a
 * tile once, and for each tap and panel the pixels of x under it, with zeros beyond the map. */
#include "core/kernels/strided.h"
#include "core/kernels/templates/names.h"
#include "core/kernels/templates/product.h"

#include <omp.h>
#include <string.h>

enum { GRAD_COLS = WIDE_ROWS > 0 ? 2 * NR : NR, MOST_CHANNELS = 128 };

/* A tile: output lines [line, line + lines) of all images together. */
typedef struct grad_tile {
    const reel_conv_job *job;
    int64_t line, lines;
    float *dy, *x; /* packed: pixels dy_pixel apart; panels of NR */
    int64_t dy_pixel;
} grad_tile;

static void pack_grad_dy(const grad_tile *t)
{
    const reel_conv_shape *s = t->job->s;
    const float *from = (const float *)t->job->dy + t->line * s->ow * s->oc;
    for (int64_t i = 0; i < t->lines * s->ow; i++)
        memcpy(t->dy + i * t->dy_pixel, from + i * s->oc, (size_t)s->oc * sizeof *from);
}

/* Channels [channel, channel + width) of the pixels under tap (ky, kx). */
static void pack_grad_x(const grad_tile *t, int64_t ky, int64_t kx, int64_t channel, int64_t width)
{
    const reel_conv_shape *s = t->job->s;
    const int64_t panel = t->lines * s->ow * NR;
    float *to = t->x;
    for (int64_t i = t->line; i < t->line + t->lines; i++) {
        const int64_t y = i % s->oh * s->sh - s->ph + ky;
        const float *line = (const float *)t->job->x + (i / s->oh * s->h + y) * s->w * s->c;
        const bool on_map = y >= 0 && y < s->h;
        for (int64_t o = 0; o < s->ow; o++, to += NR) {
            const int64_t x = o * s->sw - s->pw + kx;
            const bool inside = on_map && x >= 0 && x < s->w;
            const float *from = line + x * s->c + channel;
            for (int64_t q = 0; q < width; q += VL)
                store(to + q / NR * panel + q % NR, inside ? load(from + q) : (vec){0});
        }
    }
}

/* The part of dw that a thread works on: a tap, some columns and some rows. */
typedef struct grad_item {
    int64_t ky, kx, channel, width, first, rows;
} grad_item;

typedef struct grad_items {
    int64_t panels, chunks, count;
} grad_items;

static grad_items grad_items_of(const reel_conv_shape *s)
{
    grad_items g = {.panels = (s->c + GRAD_COLS - 1) / GRAD_COLS,
                    .chunks = (s->oc + MOST_CHANNELS - 1) / MOST_CHANNELS};
    g.count = s->kh * s->kw * g.panels * g.chunks;
    return g;
}

static grad_item grad_item_at(const reel_conv_shape *s, const grad_items *g, int64_t number)
{
    const int64_t chunk = number % g->chunks, panel = number / g->chunks % g->panels;
    const int64_t tap = number / g->chunks / g->panels;
    grad_item i = {.ky = tap / s->kw, .kx = tap % s->kw, .channel = panel * GRAD_COLS};
    i.width = least(GRAD_COLS, s->c - i.channel);
    i.first = s->oc * chunk / g->chunks;
    i.rows = s->oc * (chunk + 1) / g->chunks - i.first;
    return i;
}

static void multiply_grad_item(const grad_tile *t, const grad_item *i, const wanted next[3])
{
    const reel_conv_shape *s = t->job->s;
    const int64_t pixels = t->lines * s->ow, row = s->kh * s->kw * s->c;
    const block_product j = {.k = pixels,
                             .a = t->dy + i->first,
                             .a_row = 1,
                             .a_step = t->dy_pixel,
                             .b = t->x,
                             .ldb = NR,
                             .b_next = pixels * NR,
                             .c = (float *)t->job->out + i->first * row +
                                  (i->ky * s->kw + i->kx) * s->c + i->channel,
                             .ldc = row,
                             .c_next = NR,
                             .add = t->line > 0 || t->job->accumulate};
    product_panels(&j, i->rows, i->width, next);
}

/* Items [first, last) of a tile. Meanwhile the lines of x and dy are asked for that follow it. */
static void multiply_grad_tile(const grad_tile *t, const grad_items *g, int64_t first, int64_t last)
{
    const reel_conv_shape *s = t->job->s;
    const int64_t end = t->line + t->lines;
    const float *dy = (const float *)t->job->dy + end * s->ow * s->oc;
    const float *x =
        (const float *)t->job->x + (end / s->oh * s->h + end % s->oh * s->sh) * s->w * s->c;
    const wanted all_dy = {dy, t->lines * s->ow * s->oc};
    const wanted all_x = {x, t->lines * s->sh * s->w * s->c};

    pack_grad_dy(t);
    int64_t packed = -1;
    for (int64_t number = first; number < last; number++) {
        const grad_item i = grad_item_at(s, g, number);
        const int64_t of_x = number / g->chunks;
        if (of_x != packed)
            pack_grad_x(t, i.ky, i.kx, i.channel, i.width);
        packed = of_x;
        const wanted next[3] = {part_wanted(&all_dy, number - first, 1, last - first),
                                part_wanted(&all_x, number - first, 1, last - first),
                                {t->dy, 0}};
        multiply_grad_item(t, &i, next);
    }
}

void REEL_ISA_FN(reel_strided_weight_grad)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_strided_tiles tiles = reel_strided_tiles_of(s);
    const grad_items g = grad_items_of(s);
#pragma omp parallel num_threads(threads)
    {
        const int64_t thread = omp_get_thread_num(), all = omp_get_num_threads();
        const int64_t first = g.count * thread / all, last = g.count * (thread + 1) / all;
        float *own = (float *)job->scratch + thread * tiles.own;
        for (int64_t tile = 0; tile < tiles.count && first < last; tile++) {
            grad_tile t = {.job = job,
                           .line = tile * tiles.lines,
                           .dy = own,
                           .x = own + tiles.x,
                           .dy_pixel = tiles.dy_pixel};
            t.lines = least(tiles.lines, s->n * s->oh - t.line);
            multiply_grad_tile(&t, &g, first, last);
        }
    }
}
