/* 1 x 1 convolutions with few channels, forward and input gradient:
 *
 *   y (pixels, n) = x (pixels, k) w (k, n) + bias
 *
 * Some pixels and one panel of n or two stay in registers, and all panels follow each other, so
 * that a pixel is read once and its results are written side by side. With a stride, the pixels
 * that are read (forward) are gathered, and those that are written (input gradient) are scattered.
 */
#include "core/kernels/pointwise.h"
#include "core/kernels/templates/names.h"

#include <omp.h>
#include <string.h>

/* Some rows of x, `row` values apart, times one packed panel of w or two. */
typedef struct pixel_product {
    const float *x;
    int64_t row, k;
    const float *w, *bias; /* bias or NULL */
    float *y;
    int64_t ldy;
    const float *next; /* what the next block will read: asked for line by line */
    bool relu, add;
} pixel_product;

enum {
    LINE_REALS = 64 / sizeof(float),
    PIXELS = WIDE_ROWS > 0 ? 2 * WIDE_ROWS : MR /* of a block */
};

/* Two vectors of a panel, or four of two. Rows are reached from every third one, which spares
 * address registers. */
KERNEL_INLINE void multiply_pixels(const pixel_product *product, const int rows, const int cols)
{
    const pixel_product j = *product;
    const float *w = j.w, *next = j.next, *row[(PIXELS + 2) / 3];
    vec s[PIXELS][4];
    UNROLLED_FOR(i, (rows + 2) / 3)
        row[i] = j.x + 3 * i * j.row;
    UNROLLED_FOR(i, rows)
        UNROLLED_FOR(t, cols)
            s[i][t] = (vec){0};

    for (int64_t p = 0; p < j.k; p++, w += least(cols, 2) * VL) {
        vec wv[4];
        UNROLLED_FOR(t, cols)
            wv[t] = load(w + t / 2 * j.k * NR + t % 2 * VL);
        UNROLLED_FOR(i, rows) {
            const vec x = broadcast(row[i / 3][i % 3 * j.row]);
            UNROLLED_FOR(t, cols)
                s[i][t] = muladd(x, wv[t], s[i][t]);
        }
        UNROLLED_FOR(i, (rows + 2) / 3)
            row[i]++;
        __builtin_prefetch(next, 0, 2);
        next += LINE_REALS;
    }

    UNROLLED_FOR(t, cols) {
        const vec bias = j.bias ? load(j.bias + t * VL) : (vec){0};
        UNROLLED_FOR(i, rows) {
            float *to = j.y + i * j.ldy + t * VL;
            vec sum = j.bias ? s[i][t] + bias : s[i][t];
            sum = j.relu ? rectified(sum) : sum;
            store(to, j.add ? load(to) + sum : sum);
        }
    }
}

#if REEL_BLOCK_ROWS > 6
/* A block of pixels for two panels: two blocks of registers. */
static void multiply_two_panels(pixel_product j)
{
    for (int half = 0; half < 2; half++) {
        multiply_pixels(&j, WIDE_ROWS, 4);
        j.x += WIDE_ROWS * j.row;
        j.y += WIDE_ROWS * j.ldy;
        j.next += j.k * LINE_REALS;
    }
}
#endif

static void multiply_pixel_panels(const pixel_product *product, int64_t width)
{
#if REEL_BLOCK_ROWS > 6
    if (width > NR) {
        multiply_two_panels(*product);
        return;
    }
#endif
    if (width == NR)
        multiply_pixels(product, PIXELS, 2);
    else
        multiply_pixels(product, PIXELS, 1);
}

/* w in panels: element (p, j) is w[p row + j column]. */
static void pack_pointwise(const reel_pointwise_plan *p, const float *w, int64_t row,
                           int64_t column, float *to)
{
    const int64_t panels = reel_pointwise_panels(p->n, NR, VL);
#pragma omp for schedule(static)
    for (int64_t q = 0; q < panels; q++) {
        const reel_pointwise_panel at = reel_pointwise_panel_at(p->n, NR, VL, q);
        float *panel = to + at.packed * p->k;
        for (int64_t i = 0; i < p->k; i++)
            for (int64_t t = 0; t < at.width; t++)
                panel[i * at.width + t] = w[i * row + (at.at + t) * column];
    }
}

/* What the pixels of a call have in common. */
typedef struct pointwise_call {
    const reel_conv_job *job;
    reel_pointwise_plan plan;
    bool back, strided;
    const float *weights; /* packed */
} pointwise_call;

/* The pixel of x that belongs to pixel p of y. */
static int64_t strided_pixel(const reel_conv_shape *s, int64_t p)
{
    const int64_t x = p % s->ow, y = p / s->ow % s->oh, image = p / s->ow / s->oh;
    return (image * s->h + y * s->sh) * s->w + x * s->sw;
}

/* Zeros in the pixels of dx between pixel p of dy and its neighbours. */
static void clear_gaps(const reel_conv_shape *s, int64_t p, float *dx)
{
    const int64_t x = p % s->ow, y = p / s->ow % s->oh;
    const int64_t wide = (x == s->ow - 1 ? s->w : (x + 1) * s->sw) - x * s->sw;
    const int64_t high = (y == s->oh - 1 ? s->h : (y + 1) * s->sh) - y * s->sh;
    float *to = dx + strided_pixel(s, p) * s->c;
    memset(to + s->c, 0, (size_t)((wide - 1) * s->c) * sizeof *to);
    for (int64_t i = 1; i < high; i++)
        memset(to + i * s->w * s->c, 0, (size_t)(wide * s->c) * sizeof *to);
}

/* Of a block that begins at pixel `from`, pixels from `first` on and the columns of one panel, from
 * a tile to where they belong. */
static void scatter_tile(const pointwise_call *c, int64_t from, int64_t first,
                         reel_pointwise_panel at, const float *tile)
{
    const bool spread = c->back && c->strided;
    for (int64_t i = first - from; i < PIXELS; i++) {
        const int64_t pixel = spread ? strided_pixel(c->job->s, from + i) : from + i;
        float *to = (float *)c->job->out + pixel * c->plan.n + at.at;
        for (int64_t t = at.skip; t < at.width; t++)
            to[t] = c->job->accumulate ? to[t] + tile[i * NR + t] : tile[i * NR + t];
    }
}

/* Pixels [first, first + PIXELS) of all; the last block reaches back over pixels of the one before,
 * and writes its own alone. */
static void pointwise_block(const pointwise_call *c, int64_t first, int64_t pixels, float *own)
{
    const reel_conv_job *job = c->job;
    const int64_t k = c->plan.k, n = c->plan.n, from = least(first, pixels - PIXELS);
    const bool gathers = c->strided && !c->back, spreads = c->strided && c->back;
    const float *x = (c->back ? job->dy : job->x);
    float *tile = own + PIXELS * (k + VL);
    pixel_product product = {
        .x = x + from * k, .row = k, .k = k, .next = x + (from + PIXELS) * k, .relu = job->relu};

    if (gathers) {
        product.x = own;
        product.row = k + VL;
        for (int64_t i = 0; i < PIXELS; i++)
            memcpy(own + i * product.row, x + strided_pixel(job->s, from + i) * k,
                   (size_t)k * sizeof *own);
    }
    for (int64_t i = first; i < from + PIXELS && spreads && !job->accumulate; i++)
        clear_gaps(job->s, i, job->out);

    const int64_t panels = reel_pointwise_panels(n, NR, VL);
    for (int64_t q = 0, take; q < panels; q += take) {
        const reel_pointwise_panel at = reel_pointwise_panel_at(n, NR, VL, q);
        const bool apart = first > from || spreads || (job->accumulate && at.skip > 0);
        take = WIDE_ROWS > 0 && !apart && q + 2 <= n / NR ? 2 : 1;
        product.w = c->weights + at.packed * k;
        product.bias = job->bias ? (const float *)job->bias + at.at : NULL;
        product.y = apart ? tile : (float *)job->out + from * n + at.at;
        product.ldy = apart ? NR : n;
        product.add = job->accumulate && !apart;
        multiply_pixel_panels(&product, take * at.width);
        if (apart)
            scatter_tile(c, from, first, at, tile);
    }
}

static void pointwise_apply(const reel_conv_job *job, bool back, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_conv_pass pass = back ? REEL_CONV_INPUT_GRAD : REEL_CONV_FORWARD;
    const reel_pointwise_plan p = reel_pointwise_plan_of(s, pass);
    float *weights = job->scratch, *buffers = weights + p.k * p.columns;
    const pointwise_call call = {
        .job = job, .plan = p, .back = back, .strided = s->sh > 1 || s->sw > 1, .weights = weights};
    const int64_t pixels = s->n * s->oh * s->ow;

#pragma omp parallel num_threads(threads)
    {
        float *own = buffers + omp_get_thread_num() * p.own;
        pack_pointwise(&p, job->w, back ? s->c : 1, back ? 1 : s->c, weights);
#pragma omp for schedule(static)
        for (int64_t first = 0; first < pixels; first += PIXELS)
            pointwise_block(&call, first, pixels, own);
    }
}

void REEL_ISA_FN(reel_pointwise_forward)(const reel_conv_job *job, int threads)
{
    pointwise_apply(job, false, threads);
}

void REEL_ISA_FN(reel_pointwise_input_grad)(const reel_conv_job *job, int threads)
{
    pointwise_apply(job, true, threads);
}
