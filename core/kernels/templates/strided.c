/* The input gradient of convolutions with a stride, phase by phase:
 *
 *   pixels (rows, c) = taps of dy (rows, k) w (k, c),  k: kernel lines, their columns, oc
 *
 * A thread copies the lines of dy that a tile needs, with zeros around them. For each panel of c,
 * the weights of a few terms stay in the first-level cache while all pixels of the tile pass.
 * Meanwhile the sums wait in scratch: a block of terms is one chain. The blocks, of at most 512
 * terms of a kernel line, are added in order. */
#include "core/kernels/strided.h"
#include "core/kernels/templates/lines.h"
#include "core/kernels/templates/names.h"

#include <omp.h>
#include <string.h>

enum {
    BLOCK_TERMS = 512,
    PART = 24576 / sizeof(float) / LINE_COLS /* terms whose weights stay in the first level */
};

/* A panel of a phase's weights, all its terms in the order in which the copy has them. */
static void pack_strided(const reel_conv_job *job, const reel_strided_phase *f, int64_t panel,
                         float *to)
{
    const reel_conv_shape *s = job->s;
    for (int64_t tap = 0; tap < f->taps_y * f->taps_x; tap++) {
        const int64_t ky = f->tap_y - s->sh * (tap / f->taps_x);
        const int64_t kx = f->tap_x - s->sw * (tap % f->taps_x);
        const float *from = (const float *)job->w + (ky * s->kw + kx) * s->c + panel * NR;
        for (int64_t o = 0; o < s->oc; o++, to += NR, from += s->kh * s->kw * s->c)
            memcpy(to, from, NR * sizeof *to);
    }
}

/* Lines of dy from `first` on, and pixels from low_x on, into the copy. */
static void copy_dy_lines(const reel_conv_shape *s, const reel_strided_plan *p, const float *image,
                          int64_t first, float *to)
{
    const int64_t left = least(most(-p->low_x, 0), p->pixels), from = most(p->low_x, 0);
    const int64_t count = most(least(s->ow - from, p->pixels - left), 0);
    const int64_t right = p->pixels - left - count;
    for (int64_t y = first; y < first + p->copied; y++, to += p->line) {
        if (y < 0 || y >= s->oh) {
            memset(to, 0, (size_t)(p->pixels * s->oc) * sizeof *to);
            continue;
        }
        memset(to, 0, (size_t)(left * s->oc) * sizeof *to);
        if (count > 0)
            memcpy(to + left * s->oc, image + (y * s->ow + from) * s->oc,
                   (size_t)(count * s->oc) * sizeof *to);
        memset(to + (left + count) * s->oc, 0, (size_t)(right * s->oc) * sizeof *to);
    }
}

/* A tile: lines [line, line + lines) of a phase in each of some images. */
typedef struct strided_tile {
    const reel_conv_job *job;
    const reel_strided_plan *plan;
    const reel_strided_phase *phase;
    int64_t image, images, line, lines;
    const float *copy, *weights; /* packed, of all phases */
    float *sums;
    int64_t rows, *from, *to; /* its pixels: floats from the start of the copy, and of dx */
} strided_tile;

/* Terms [p, p + k) of kernel line ky, a part of a block, for columns of a panel or two. */
typedef struct tile_part {
    int64_t ky, p, k;
    bool opens, closes, first; /* begins the block, ends it; of the first block */
    int64_t column, width;
} tile_part;

static void multiply_tile_part(const strided_tile *t, const tile_part *at)
{
    const reel_strided_plan *p = t->plan;
    const reel_strided_phase *f = t->phase;
    const int64_t oc = t->job->s->oc, run = f->taps_x * oc, terms = f->taps_y * run;
    const float *weights = t->weights + f->weights + at->column * terms;
    line_product j = {.k = at->k,
                      .a = t->copy + (f->in_y + at->ky) * p->line + f->in_x * oc + at->p,
                      .at = {t->from, t->to},
                      .b = weights + (at->ky * run + at->p) * NR,
                      .b_next = terms * NR,
                      .begun = at->opens ? NULL : t->sums,
                      .c = at->closes ? (float *)t->job->out + at->column : t->sums,
                      .in_place = at->closes,
                      .add = at->closes && (!at->first || t->job->accumulate)};
    j.next = j.b + at->k * NR;
    line_panel(j, t->rows, at->width);
}

static void multiply_strided_tile(const strided_tile *t)
{
    const int64_t c = t->job->s->c, run = t->phase->taps_x * t->job->s->oc;
    const int64_t blocks = (run + BLOCK_TERMS - 1) / BLOCK_TERMS;
    for (int64_t column = 0, width; column < c; column += width) {
        width = c - column < LINE_COLS ? NR : LINE_COLS;
        for (int64_t ky = 0; ky < t->phase->taps_y; ky++)
            for (int64_t block = 0; block < blocks; block++) {
                /* Whole turns of the loop: a run is a multiple of 32. */
                const int64_t begin = run / LINE_TERMS * block / blocks * LINE_TERMS;
                const int64_t end = run / LINE_TERMS * (block + 1) / blocks * LINE_TERMS;
                for (int64_t p = begin; p < end; p += PART) {
                    const tile_part at = {.ky = ky,
                                          .p = p,
                                          .k = least(PART, end - p),
                                          .opens = p == begin,
                                          .closes = p + PART >= end,
                                          .first = ky == 0 && block == 0,
                                          .column = column,
                                          .width = width};
                    multiply_tile_part(t, &at);
                }
            }
    }
}

/* Where the pixels of a tile lie. Block by block the rows that follow are asked for, so offsets
 * are there beyond the last row, too. */
static void find_rows(strided_tile *t)
{
    const reel_strided_plan *p = t->plan;
    const reel_strided_phase *f = t->phase;
    const reel_conv_shape *s = t->job->s;
    t->rows = 0;
    for (int64_t image = 0; image < t->images; image++)
        for (int64_t line = 0; line < t->lines; line++) {
            const int64_t y = f->y + (t->line + line) * s->sh;
            const int64_t pixel = ((t->image + image) * s->h + y) * s->w + f->x;
            const int64_t from = (image * p->copied + line) * p->line;
            for (int64_t x = 0; x < f->columns; x++, t->rows++) {
                t->from[t->rows] = from + x * s->oc;
                t->to[t->rows] = (pixel + x * s->sw) * s->c;
            }
        }
    for (int64_t i = 0; i < LINE_ROWS && t->rows > 0; i++)
        t->from[t->rows + i] = t->from[t->rows - 1];
}

/* Tile number `item`, all phases. */
static void strided_item(const reel_conv_job *job, const reel_strided_plan *p, int64_t item,
                         const float *weights, float *own)
{
    const reel_conv_shape *s = job->s;
    const int64_t high = (p->high + p->lines - 1) / p->lines;
    strided_tile t = {.job = job,
                      .plan = p,
                      .image = item / high * p->images,
                      .line = item % high * p->lines,
                      .copy = own,
                      .weights = weights,
                      .sums = own + p->copy};
    t.images = least(p->images, s->n - t.image);
    t.to = (int64_t *)(t.sums + p->rows * LINE_COLS);
    t.from = t.to + p->rows;

    for (int64_t i = 0; i < t.images; i++)
        copy_dy_lines(s, p, (const float *)job->dy + (t.image + i) * s->oh * s->ow * s->oc,
                      t.line + p->low_y, own + i * p->copied * p->line);
    for (int64_t i = 0; i < p->phases; i++) {
        t.phase = &p->phase[i];
        t.lines = least(p->lines, t.phase->lines - t.line);
        find_rows(&t);
        if (t.rows > 0)
            multiply_strided_tile(&t);
    }
}

void REEL_ISA_FN(reel_strided_input_grad)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_strided_plan p = reel_strided_plan_of(s);
    const int64_t panels = s->c / NR, high = (p.high + p.lines - 1) / p.lines;
    const int64_t items = (s->n + p.images - 1) / p.images * high;
    float *weights = job->scratch, *owns = weights + s->kh * s->kw * s->c * s->oc;

#pragma omp parallel num_threads(threads)
    {
        float *own = owns + omp_get_thread_num() * p.own;
#pragma omp for schedule(static)
        for (int64_t i = 0; i < p.phases * panels; i++) {
            const reel_strided_phase *f = &p.phase[i / panels];
            const int64_t terms = f->taps_y * f->taps_x * s->oc;
            pack_strided(job, f, i % panels, weights + f->weights + i % panels * NR * terms);
        }
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < items; item++)
            strided_item(job, &p, item, weights, own);
    }
}
