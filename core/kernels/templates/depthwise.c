/* The passes of the depthwise convolution.
 *
 * apply (forward, input gradient): rows are shared out; within a row, four pixels that meet the
 * same taps go together, so that a weight is loaded once for four. Weight gradient: a row of dy
 * against the rows of x under it, all taps of VL channels in registers; rows are summed in a fixed
 * number of parts, and these in order. */
#include "core/kernels/depthwise.h"
#include "core/kernels/templates/names.h"

#include <string.h>

KERNEL_INLINE vec load_lanes(const float *p, const int lanes)
{
    if (lanes == VL)
        return load(p);
    vec v = {0};
    for (int l = 0; l < lanes; l++)
        v[l] = p[l];
    return v;
}

KERNEL_INLINE void store_lanes(float *p, vec v, const int lanes)
{
    if (lanes == VL)
        store(p, v);
    else
        for (int l = 0; l < lanes; l++)
            p[l] = v[l];
}

enum { LINE = 64 / sizeof(float) };

/* What the next row of the output will read first, in reals. The hardware does not foresee so many
 * short streams. */
typedef struct coming {
    reel_depthwise_ahead ahead;
    int64_t at, line, apart, c; /* at: from the group's first value; then from row to row, from run
                                   to run, from pixel to pixel */
} coming;

KERNEL_INLINE void ask_for(const coming *next, const float *in)
{
    const float *line = in + next->at;
    for (int64_t row = 0; row < next->ahead.rows; row++, line += next->line)
        for (int64_t run = 0; run < next->ahead.runs; run++)
            for (int64_t pixel = 0; pixel < next->ahead.pixels; pixel++)
                __builtin_prefetch(line + run * next->apart + pixel * next->c, 0, 2);
}

/* Some pixels that meet the same taps: entry e is the weights at w + weight[e] and, of pixel i, the
 * values at in + value[e] + i shift. Pixel i is written at out + i step. */
typedef struct group {
    int entries;
    int64_t weight[REEL_DEPTHWISE_TAPS], value[REEL_DEPTHWISE_TAPS];
    const float *w, *in, *bias; /* bias or NULL */
    float *out;
    int64_t shift, step;
    coming next;
    int64_t next_out; /* from out to the row below */
    bool accumulate, relu;
    bool past; /* a map that no cache holds until it is read: written past the caches */
} group;

KERNEL_INLINE void ask_for_group(const group *g, const int count, int64_t ch)
{
    if (ch % LINE)
        return;
    ask_for(&g->next, g->in + ch);
    for (int i = 0; i < count; i++)
        __builtin_prefetch(g->out + g->next_out + i * g->step + ch, 1, 2);
}

KERNEL_INLINE void pixels(const group *g, const int count, const int entries, int64_t ch,
                          const int lanes)
{
    vec s[4];
    const vec b = g->bias ? load_lanes(g->bias + ch, lanes) : (vec){0};
    UNROLLED_FOR(i, count)
        s[i] = g->accumulate ? load_lanes(g->out + i * g->step + ch, lanes) : b;

    UNROLLED_FOR(e, entries) {
        const vec w = load_lanes(g->w + g->weight[e] + ch, lanes);
        const float *in = g->in + g->value[e] + ch;
        UNROLLED_FOR(i, count)
            s[i] = muladd(w, load_lanes(in + i * g->shift, lanes), s[i]);
    }

    UNROLLED_FOR(i, count)
        store_lanes(g->out + i * g->step + ch, g->relu ? rectified(s[i]) : s[i], lanes);
}

KERNEL_INLINE void all_channels(const group *g, const int count, const int entries, int64_t c)
{
    int64_t ch = 0;
    for (; ch + VL <= c; ch += VL) {
        if (count > 1)
            ask_for_group(g, count, ch);
        pixels(g, count, entries, ch, VL);
    }
    if (ch < c)
        pixels(g, count, entries, ch, (int)(c - ch));
}

/* Four pixels under a 3 x 3 kernel whose taps and pixels are `step` pixels of the input apart, all
 * in one direction or taps and pixels in opposite ones (`back`): neighbours share values, each of
 * which is loaded once. A sum still takes its taps in their order. */
KERNEL_INLINE void four_neighbours(const group *g, int64_t ch, const int step, const bool back)
{
    enum { PIXELS = 4, TAPS = 3 };
    const int columns = (PIXELS - 1) * step + TAPS;
    const int64_t column = back ? -g->shift / step : g->shift / step;
    vec s[PIXELS];
    const vec b = g->bias ? load(g->bias + ch) : (vec){0};
    UNROLLED_FOR(i, PIXELS)
        s[i] = g->accumulate ? load(g->out + i * g->step + ch) : b;

    UNROLLED_FOR(a, TAPS) {
        const float *in = g->in + g->value[a * TAPS] + ch;
        vec w[TAPS];
        UNROLLED_FOR(t, TAPS)
            w[t] = load(g->w + g->weight[a * TAPS + t] + ch);
        if (back)
            in += (PIXELS - 1) * g->shift; /* the last pixel's first tap comes first */
        UNROLLED_FOR(x, columns) {
            const vec here = load(in + x * column);
            UNROLLED_FOR(i, PIXELS) {
                const int tap = x - i * step, pixel = back ? PIXELS - 1 - i : i;
                if (tap >= 0 && tap < TAPS)
                    s[pixel] = muladd(w[tap], here, s[pixel]);
            }
        }
    }

    UNROLLED_FOR(i, PIXELS) {
        const vec y = g->relu ? rectified(s[i]) : s[i];
        if (g->past)
            stream(g->out + i * g->step + ch, y);
        else
            store(g->out + i * g->step + ch, y);
    }
}

KERNEL_INLINE void all_neighbours(const group *g, int64_t c, const int step, const bool back)
{
    int64_t ch = 0;
    for (; ch + VL <= c; ch += VL) {
        ask_for_group(g, g->past ? 0 : 4, ch);
        four_neighbours(g, ch, step, back);
    }
    if (ch < c)
        pixels(g, 4, 9, ch, (int)(c - ch));
}

static void four_of_nine(const group *g, int64_t c)
{
    const int64_t tap = g->value[1] - g->value[0];
    if (tap == g->shift)
        all_neighbours(g, c, 1, false);
    else if (2 * tap == g->shift)
        all_neighbours(g, c, 2, false);
    else if (tap == -g->shift)
        all_neighbours(g, c, 1, true);
    else
        all_channels(g, 4, 9, c);
}

static void four_pixels(const group *g, int64_t c)
{
    all_channels(g, 4, g->entries, c);
}

static void one_pixel(const group *g, int64_t c)
{
    all_channels(g, 1, g->entries, c);
}

/* Whether four coordinates, `step` apart, meet the same taps. */
static bool alike(const reel_depthwise_met *m, int64_t step)
{
    for (int i = 1; i < 4; i++)
        if (m[i * step].count != m->count || m[i * step].tap != m->tap)
            return false;
    return true;
}

/* The entries of a pixel: its taps, and the input under them. */
static void find_entries(group *g, const reel_conv_shape *s, const reel_depthwise_plan *p,
                         const reel_depthwise_met *y, const reel_depthwise_met *x, int64_t width)
{
    g->entries = 0;
    for (int64_t a = 0; a < y->count; a++)
        for (int64_t b = 0; b < x->count; b++, g->entries++) {
            g->weight[g->entries] =
                ((y->tap + a * p->y.tap_step) * s->kw + x->tap + b * p->x.tap_step) * p->tap_step;
            g->value[g->entries] =
                ((y->at + a * p->y.at_step) * width + x->at + b * p->x.at_step) * s->c;
        }
}

/* A map that is read, and the one that is written. In the input gradient `stride` neighbours meet
 * different taps, so groups of pixels are taken that far apart. */
typedef struct row_shape {
    int64_t columns, width, stride; /* written; read; between the pixels of a group */
} row_shape;

/* One row of the output, whose pixels meet the input rows y. */
static void apply_row(group *g, const reel_conv_shape *s, const reel_depthwise_plan *p,
                      const reel_depthwise_met *y, const row_shape *r, float *row)
{
    const float *map = g->in;
    const bool back = p->y.at_step < 0;
    const reel_depthwise_ahead ahead = reel_depthwise_look_ahead(s, back, y);
    g->next =
        (coming){.ahead = ahead, .line = r->width * s->c, .apart = ahead.apart * s->c, .c = s->c};
    g->next_out = r->columns * s->c;

    for (int64_t first = 0; first < r->stride && first < r->columns; first++) {
        const reel_depthwise_met *found = NULL; /* of the entries that g holds */
        for (int64_t x = first; x < r->columns;) {
            const reel_depthwise_met *met = p->x.met + x;
            const bool four = x + 3 * r->stride < r->columns && alike(met, r->stride);

            /* Pixels that meet the same taps share one list of entries; its start moves. */
            if (!found || found->tap != met->tap || found->count != met->count) {
                found = met;
                find_entries(g, s, p, y, met, r->width);
                g->next.at = ahead.row * g->next.line + met->at * s->c;
            }
            g->out = row + x * s->c;
            g->in = map + (met->at - found->at) * s->c;

            if (!four)
                one_pixel(g, s->c);
            else if (g->entries == 9)
                four_of_nine(g, s->c);
            else
                four_pixels(g, s->c);
            x += four ? 4 * r->stride : r->stride;
        }
    }
}

static void apply(const reel_conv_job *job, bool input_grad, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_depthwise_plan p = reel_depthwise_plan_make(
        s, input_grad ? REEL_CONV_INPUT_GRAD : REEL_CONV_FORWARD, job->scratch);
    const int64_t taps = s->kh * s->kw, stride = input_grad ? s->sw : 1;
    const int64_t h = input_grad ? s->oh : s->h, w = input_grad ? s->ow : s->w; /* what is read */
    const int64_t rows = input_grad ? s->h : s->oh, columns = input_grad ? s->w : s->ow;
    const float *weights = job->w, *in = input_grad ? job->dy : job->x;
    const row_shape row = {columns, w, stride};

    for (int64_t tap = 0; tap < taps; tap++)
        for (int64_t ch = 0; ch < s->c; ch++)
            p.floats[tap * p.tap_step + ch] = weights[ch * taps + tap];

    enum { LARGE = 64 << 20 };
    const int64_t bytes = s->n * rows * columns * s->c * (int64_t)sizeof(float);
    const bool whole_lines = s->c % LINE == 0 && (uintptr_t)job->out % (LINE * sizeof(float)) == 0;
    const bool past = whole_lines && bytes >= LARGE && !job->accumulate;

#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t item = 0; item < s->n * rows; item++) {
            group g = {.w = p.floats,
                       .in = in + item / rows * h * w * s->c,
                       .bias = job->bias,
                       .shift = (input_grad ? 1 : s->sw) * s->c,
                       .step = stride * s->c,
                       .accumulate = job->accumulate,
                       .relu = job->relu,
                       .past = past};
            apply_row(&g, s, &p, p.y.met + item % rows, &row,
                      (float *)job->out + item * columns * s->c);
        }
        if (past)
            stream_end();
    }
}

void REEL_ISA_FN(reel_depthwise_forward)(const reel_conv_job *job, int threads)
{
    apply(job, false, threads);
}

void REEL_ISA_FN(reel_depthwise_input_grad)(const reel_conv_job *job, int threads)
{
    apply(job, true, threads);
}

/* A stretch of a row of dy whose pixels meet all taps of a kernel row. */
typedef struct stretch {
    const float *dy, *x; /* the first pixel; what its first tap meets */
    int64_t pixels, c;
    int64_t step, tap, line; /* reals between pixels of x, between taps, between rows of taps */
    float *sums;             /* of the first tap; then tap by tap, row by row */
    int64_t sums_tap, sums_line;
} stretch;

KERNEL_INLINE void sum_taps(const stretch *t, const int kh, const int kw, int64_t ch,
                            const int lanes)
{
    vec s[9] = {{0}};
    for (int64_t i = 0; i < t->pixels; i++) {
        const vec d = load_lanes(t->dy + i * t->c + ch, lanes);
        const float *x = t->x + i * t->step + ch;
        UNROLLED_FOR(a, kh)
            UNROLLED_FOR(b, kw)
                s[a * kw + b] =
                    muladd(d, load_lanes(x + a * t->line + b * t->tap, lanes), s[a * kw + b]);
    }

    UNROLLED_FOR(a, kh)
        UNROLLED_FOR(b, kw) {
            float *to = t->sums + a * t->sums_line + b * t->sums_tap + ch;
            store_lanes(to, load_lanes(to, lanes) + s[a * kw + b], lanes);
        }
}

KERNEL_INLINE void sum_channels(const stretch *t, const int kh, const int kw)
{
    int64_t ch = 0;
    for (; ch + VL <= t->c; ch += VL)
        sum_taps(t, kh, kw, ch, VL);
    if (ch < t->c)
        sum_taps(t, kh, kw, ch, (int)(t->c - ch));
}

static void sum_stretch(stretch t, int64_t kh, int64_t kw)
{
    if (kh == 3 && kw == 3) {
        sum_channels(&t, 3, 3);
        return;
    }
    if (kh == 3 && kw == 2) { /* at an edge */
        sum_channels(&t, 3, 2);
        return;
    }

    /* Any other kernel row by row; widths that are common have code of their own. */
    for (int64_t a = 0; a < kh; a++, t.x += t.line, t.sums += t.sums_line)
        if (kw == 3)
            sum_channels(&t, 1, 3);
        else if (kw == 5)
            sum_channels(&t, 1, 5);
        else if (kw == 7)
            sum_channels(&t, 1, 7);
        else
            for (int64_t b = 0; b < kw; b++) {
                stretch one = t;
                one.x += b * t.tap;
                one.sums += b * t.sums_tap;
                sum_channels(&one, 1, 1);
            }
}

/* One row of dy into the sums of its part. [low, high): the columns that meet every tap of a kernel
 * row. */
static void weight_grad_row(const reel_conv_job *job, const reel_depthwise_plan *p, int64_t item,
                            int64_t low, int64_t high, float *sums)
{
    const reel_conv_shape *s = job->s;
    const reel_depthwise_met *y = p->y.met + item % s->oh;
    const float *dy = (const float *)job->dy + item * s->ow * s->c;
    const float *x = (const float *)job->x + (item / s->oh * s->h + y->at) * s->w * s->c;
    stretch t = {.pixels = high - low,
                 .c = s->c,
                 .step = s->sw * s->c,
                 .tap = s->dw * s->c,
                 .line = s->dh * s->w * s->c,
                 .sums = sums + y->tap * s->kw * p->tap_step,
                 .sums_tap = p->tap_step,
                 .sums_line = s->kw * p->tap_step};

    if (low < high) {
        t.dy = dy + low * s->c;
        t.x = x + p->x.met[low].at * s->c;
        sum_stretch(t, y->count, s->kw);
    }

    /* The columns at the edges, which miss some taps. */
    for (int64_t column = 0; column < s->ow; column++) {
        if (column == low && low < high)
            column = high;
        if (column == s->ow)
            break;

        const reel_depthwise_met *m = p->x.met + column;
        stretch edge = t;
        edge.pixels = 1;
        edge.dy = dy + column * s->c;
        edge.x = x + m->at * s->c;
        edge.sums += m->tap * p->tap_step;
        if (m->count > 0)
            sum_stretch(edge, y->count, m->count);
    }
}

enum { BLOCK = 64 };

/* The sums of all parts, in their order, for the block of channels from `from` on. */
static void add_parts(const reel_conv_job *job, const reel_depthwise_plan *p, int64_t from)
{
    const reel_conv_shape *s = job->s;
    const int64_t taps = s->kh * s->kw, size = taps * p->tap_step;
    const int64_t count = least(BLOCK, s->c - from);
    float *dw = job->out;

    for (int64_t tap = 0; tap < taps; tap++) {
        float sum[BLOCK] = {0};
        for (int64_t part = 0; part < p->parts; part++) {
            const float *one = p->floats + part * size + tap * p->tap_step + from;
            for (int64_t i = 0; i < count; i++)
                sum[i] += one[i];
        }
        for (int64_t i = 0; i < count; i++) {
            float *to = dw + (from + i) * taps + tap;
            *to = job->accumulate ? *to + sum[i] : sum[i];
        }
    }
}

void REEL_ISA_FN(reel_depthwise_weight_grad)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_depthwise_plan p = reel_depthwise_plan_make(s, REEL_CONV_WEIGHT_GRAD, job->scratch);
    const int64_t taps = s->kh * s->kw, size = taps * p.tap_step, items = s->n * s->oh;

    /* The columns that meet every tap of a kernel row. */
    int64_t low = 0, high = s->ow;
    while (low < high && p.x.met[low].count < s->kw)
        low++;
    while (high > low && p.x.met[high - 1].count < s->kw)
        high--;

#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(dynamic, 1)
        for (int64_t part = 0; part < p.parts; part++) {
            float *sums = p.floats + part * size;
            memset(sums, 0, (size_t)size * sizeof *sums);
            for (int64_t item = items * part / p.parts; item < items * (part + 1) / p.parts; item++)
                weight_grad_row(job, &p, item, low, high, sums);
        }
#pragma omp for schedule(static)
        for (int64_t block = 0; block < s->c; block += BLOCK)
            add_parts(job, &p, block);
    }
}
