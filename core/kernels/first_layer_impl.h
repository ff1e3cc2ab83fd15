/* The direct convolution for first layers, for template use: an ISA's file defines VL, MR and FIRST_LAYER_NAME(pass), then
 * includes this.
 *
 * Forward and weight gradient are products whose sum runs over stretches: forward over the kernel's rows, each a run of kw c
 * values of the image; the weight gradient over rows of outputs. The micro-kernel is that of product.h with a jump from stretch
 * to stretch. Invariant: every sum is taken in an order that depends on the shape alone. */
#include <omp.h>
#include <string.h>

#include "core/kernels/first_layer.h"

typedef float real;

#include "core/kernels/vector.h"

enum { NR = 2 * VL };

/* C (ROWS x COLS vectors) (+)= sum over `count` stretches of k terms. a moves a_step, b moves ldb a term; a_jump and b_jump
 * more at the end of a stretch. */
typedef struct stretches {
    int64_t count, k;
    const float *a;
    int64_t a_row, a_step, a_jump;
    const float *b;
    int64_t ldb, b_jump;
    float *c;
    int64_t ldc;
    bool add;
} stretches;

/* ROW: j->a_row, or a constant, which leaves the row's offsets to the instructions. */
#define STRETCH_KERNEL(name, ROWS, COLS, ROW)                                                                                  \
    static void name(const stretches *j)                                                                                       \
    {                                                                                                                          \
        vec s[ROWS][COLS];                                                                                                     \
        const float *a = j->a, *b = j->b;                                                                                      \
        const int64_t a_row = ROW, a_step = j->a_step, ldb = j->ldb;                                                           \
        _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++) _Pragma("GCC unroll 2") for (int t = 0; t < COLS; t++)         \
            s[i][t] = (vec){0};                                                                                                \
        for (int64_t q = 0; q < j->count; q++) {                                                                               \
            for (int64_t p = 0; p < j->k; p++) {                                                                               \
                vec bv[COLS];                                                                                                  \
                _Pragma("GCC unroll 2") for (int t = 0; t < COLS; t++) bv[t] = load(b + t * VL);                               \
                _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++)                                                        \
                {                                                                                                              \
                    const float av = a[i * a_row];                                                                             \
                    _Pragma("GCC unroll 2") for (int t = 0; t < COLS; t++) s[i][t] = muladd(broadcast(av), bv[t], s[i][t]);                              \
                }                                                                                                              \
                a += a_step;                                                                                                   \
                b += ldb;                                                                                                      \
            }                                                                                                                  \
            a += j->a_jump;                                                                                                    \
            b += j->b_jump;                                                                                                    \
        }                                                                                                                      \
        _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++) _Pragma("GCC unroll 2") for (int t = 0; t < COLS; t++)         \
        {                                                                                                                      \
            float *to = j->c + i * j->ldc + t * VL;                                                                            \
            store(to, j->add ? load(to) + s[i][t] : s[i][t]);                                                                  \
        }                                                                                                                      \
    }
#define STRETCH_KERNELS(ROWS)                                                                                                  \
    STRETCH_KERNEL(stretch_##ROWS##x1, ROWS, 1, j->a_row)                                                                      \
    STRETCH_KERNEL(stretch_##ROWS##x2, ROWS, 2, j->a_row)                                                                      \
    STRETCH_KERNEL(stretch_##ROWS##x1_near, ROWS, 1, 1)                                                                        \
    STRETCH_KERNEL(stretch_##ROWS##x2_near, ROWS, 2, 1)
STRETCH_KERNELS(1)
STRETCH_KERNELS(2)
STRETCH_KERNELS(3)
STRETCH_KERNELS(4)
STRETCH_KERNELS(5)
STRETCH_KERNELS(6)
#if MR > 6
STRETCH_KERNELS(7)
STRETCH_KERNELS(8)
STRETCH_KERNELS(9)
STRETCH_KERNELS(10)
STRETCH_KERNELS(11)
STRETCH_KERNELS(12)
STRETCH_KERNELS(13)
STRETCH_KERNELS(14)
#endif

#define STRETCH_ROW(ROWS)                                                                                                      \
    [ROWS] = {{stretch_##ROWS##x1, stretch_##ROWS##x2}, {stretch_##ROWS##x1_near, stretch_##ROWS##x2_near}}
static void (*const stretch_kernels[MR + 1][2][2])(const stretches *j) = {
    STRETCH_ROW(1),  STRETCH_ROW(2),  STRETCH_ROW(3), STRETCH_ROW(4),  STRETCH_ROW(5),  STRETCH_ROW(6),
#if MR > 6
    STRETCH_ROW(7),  STRETCH_ROW(8),  STRETCH_ROW(9), STRETCH_ROW(10), STRETCH_ROW(11), STRETCH_ROW(12),
    STRETCH_ROW(13), STRETCH_ROW(14),
#endif
};

/* All `rows` rows of a panel `width` (VL or 2 VL) wide, dealt out evenly over blocks of at most MR. */
static void stretch_panel(int64_t rows, int64_t width, stretches j)
{
    const int64_t blocks = (rows + MR - 1) / MR;
    for (int64_t i = 0, row = 0; i < blocks; i++) {
        const int64_t take = (rows - row + blocks - i - 1) / (blocks - i);
        stretch_kernels[take][j.a_row == 1][width > VL](&j);
        j.a += take * j.a_row;
        j.c += take * j.ldc;
        row += take;
    }
}

/* Image rows that output rows from `row` on read, padded with zeros, `line` values from one to the next. */
static void copy_lines(const reel_conv_shape *s, const reel_first_layer_plan *p, const float *x, int64_t image, int64_t row,
                       int64_t rows, float *to)
{
    const int64_t left = s->pw * s->c, whole = s->w * s->c;
    const int64_t take = whole < p->line - left ? whole : p->line - left;
    for (int64_t l = 0; l < (rows - 1) * s->sh + s->kh; l++, to += p->line) {
        const int64_t y = row * s->sh - s->ph + l;
        if (y < 0 || y >= s->h || take <= 0) {
            memset(to, 0, (size_t)p->line * sizeof *to);
            continue;
        }
        memset(to, 0, (size_t)left * sizeof *to);
        memcpy(to + left, x + (image * s->h + y) * whole, (size_t)take * sizeof *to);
        memset(to + left + take, 0, (size_t)(p->line - left - take) * sizeof *to);
    }
}

/* Where panel `panel` of the weights begins: (kh run) x width values. */
static inline int64_t panel_at(int64_t panel, int64_t depth)
{
    return panel * NR * depth;
}

static void forward_band(const reel_conv_job *job, const reel_first_layer_plan *p, int64_t image, int64_t row, int64_t rows,
                         const float *lines, const float *panels)
{
    const reel_conv_shape *s = job->s;
    const float *bias = job->bias;
    for (int64_t o = 0; o < s->oc; o += NR) {
        const int64_t width = s->oc - o < NR ? VL : NR;
        for (int64_t r = 0; r < rows; r++) {
            float *y = (float *)job->out + ((image * s->oh + row + r) * s->ow) * s->oc + o;
            stretch_panel(s->ow, width,
                          (stretches){.count = s->kh,
                                      .k = p->run,
                                      .a = lines + r * s->sh * p->line,
                                      .a_row = s->sw * s->c,
                                      .a_step = 1,
                                      .a_jump = p->line - p->run,
                                      .b = panels + panel_at(o / NR, s->kh * p->run),
                                      .ldb = width,
                                      .c = y,
                                      .ldc = s->oc});
            for (int64_t i = 0; bias && i < s->ow; i++)
                for (int64_t t = 0; t < width; t += VL) store(y + i * s->oc + t, load(y + i * s->oc + t) + load(bias + o + t));
        }
    }
}

void FIRST_LAYER_NAME(forward)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_first_layer_plan p = reel_first_layer_plan_of(s, REEL_CONV_FORWARD);
    const int64_t depth = s->kh * p.run, own = reel_first_layer_own(s, &p, REEL_CONV_FORWARD);
    float *panels = job->scratch, *lines = panels + reel_first_layer_shared(s, &p, REEL_CONV_FORWARD);
    const float *w = job->w;
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t o = 0; o < s->oc; o++) {
            const int64_t panel = o / NR, width = s->oc - panel * NR < NR ? VL : NR;
            float *to = panels + panel_at(panel, depth) + o % NR;
            for (int64_t d = 0; d < depth; d++) to[d * width] = w[o * depth + d];
        }
        float *mine = lines + omp_get_thread_num() * own;
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < s->n * p.bands; item++) {
            const int64_t image = item / p.bands, band = item % p.bands;
            const int64_t row = s->oh * band / p.bands, rows = s->oh * (band + 1) / p.bands - row;
            copy_lines(s, &p, job->x, image, row, rows, mine);
            forward_band(job, &p, image, row, rows, mine, panels);
        }
    }
}

/* What runs leave behind their last whole vector, for every output of a band, side by side for all kernel rows. */
static void copy_rests(const reel_conv_shape *s, const reel_first_layer_plan *p, int64_t rows, const float *lines, float *rests)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < s->ow; i++, rests += p->spread) {
            const float *from = lines + r * s->sh * p->line + i * s->sw * s->c + p->run - p->rest;
            for (int64_t ky = 0; ky < s->kh; ky++)
                for (int64_t t = 0; t < p->rest; t++) rests[ky * p->rest + t] = from[ky * p->line + t];
            memset(rests + s->kh * p->rest, 0, (size_t)(p->spread - s->kh * p->rest) * sizeof *rests);
        }
}

/* Adds the products of a band to the sums of its part: for each kernel row the whole vectors of a run, (kh, oc, run - rest),
 * then the rests, (oc, spread). */
static void weight_grad_band(const reel_conv_shape *s, const reel_first_layer_plan *p, int64_t rows, const float *dy,
                             const float *lines, const float *rests, float *sums, bool add)
{
    const int64_t whole = p->run - p->rest;
    stretches j = {.count = rows, .k = s->ow, .a = dy, .a_row = 1, .a_step = s->oc, .add = add};
    for (int64_t ky = 0; ky < s->kh; ky++)
        for (int64_t t = 0; t < whole; t += NR) {
            j.b = lines + ky * p->line + t;
            j.ldb = s->sw * s->c;
            j.b_jump = s->sh * p->line - s->ow * j.ldb;
            j.c = sums + ky * s->oc * whole + t;
            j.ldc = whole;
            stretch_panel(s->oc, whole - t < NR ? VL : NR, j);
        }
    for (int64_t t = 0; t < p->spread; t += NR) {
        j.b = rests + t;
        j.ldb = p->spread;
        j.b_jump = 0;
        j.c = sums + s->kh * s->oc * whole + t;
        j.ldc = p->spread;
        stretch_panel(s->oc, p->spread - t < NR ? VL : NR, j);
    }
}

/* The sums of all parts, in their order, into the first. */
static void add_parts(float *all, int64_t parts, int64_t size)
{
#pragma omp for schedule(static)
    for (int64_t e = 0; e < size; e += VL) {
        vec sum = load(all + e);
        for (int64_t part = 1; part < parts; part++) sum += load(all + part * size + e);
        store(all + e, sum);
    }
}

void FIRST_LAYER_NAME(weight_grad)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_first_layer_plan p = reel_first_layer_plan_of(s, REEL_CONV_WEIGHT_GRAD);
    const int64_t own = reel_first_layer_own(s, &p, REEL_CONV_WEIGHT_GRAD), items = s->n * p.bands;
    const int64_t size = reel_first_layer_shared(s, &p, REEL_CONV_WEIGHT_GRAD), whole = p.run - p.rest;
    float *all = job->scratch, *buffers = all + p.parts * size;
#pragma omp parallel num_threads(threads)
    {
        float *lines = buffers + omp_get_thread_num() * own, *rests = lines + own - p.rows * s->ow * p.spread;
#pragma omp for schedule(dynamic, 1)
        for (int64_t part = 0; part < p.parts; part++) {
            const int64_t first = items * part / p.parts, last = items * (part + 1) / p.parts;
            for (int64_t item = first; item < last; item++) {
                const int64_t image = item / p.bands, band = item % p.bands;
                const int64_t row = s->oh * band / p.bands, rows = s->oh * (band + 1) / p.bands - row;
                const float *dy = (const float *)job->dy + (image * s->oh + row) * s->ow * s->oc;
                copy_lines(s, &p, job->x, image, row, rows, lines);
                if (p.rest) copy_rests(s, &p, rows, lines, rests);
                weight_grad_band(s, &p, rows, dy, lines, rests, all + part * size, item > first);
            }
        }
        add_parts(all, p.parts, size);
#pragma omp for schedule(static)
        for (int64_t o = 0; o < s->oc; o++)
            for (int64_t ky = 0; ky < s->kh; ky++) {
                float *to = (float *)job->out + (o * s->kh + ky) * p.run;
                const float *runs = all + (ky * s->oc + o) * whole;
                const float *ends = all + s->kh * s->oc * whole + o * p.spread + ky * p.rest;
                for (int64_t t = 0; t < p.run; t++)
                    to[t] = (job->accumulate ? to[t] : 0) + (t < whole ? runs[t] : ends[t - whole]);
            }
    }
}

#include "core/kernels/first_layer_grad.h"
