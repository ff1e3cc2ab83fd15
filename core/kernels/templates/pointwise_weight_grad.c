/* The weight gradient of 1 x 1 convolutions with few channels:
 *
 *   dw (oc, c) = dy^T (oc, pixels) x (pixels, c), or dw^T = x^T dy where that fills more of the
 *   vectors
 *
 * A sum over so many pixels is cut into parts, which threads take one after the other. A tile of
 * output rows, of which x and dy stay in the second-level cache, is multiplied where it lies, and
 * added to the sums of its part. The parts are added in their order. */
#include "core/kernels/pointwise.h"
#include "core/kernels/templates/names.h"
#include "core/kernels/templates/product.h"
#include "core/kernels/templates/stretch.h"

/* A tile whose pixels follow each other in x, too. Meanwhile the next tile is asked for: runs of a
 * few values of every pixel are not what the hardware foresees. */
static void multiply_dense_tile(const reel_pointwise_plan *p, const float *rows,
                                const float *columns, int64_t pixels, bool add, float *sums)
{
    const int64_t panels = reel_pointwise_panels(p->n, NR, VL);
    for (int64_t q = 0, take; q < panels; q += take) {
        const reel_pointwise_panel at = reel_pointwise_panel_at(p->n, NR, VL, q);
        take = WIDE_ROWS > 0 && q + 2 <= p->n / NR ? 2 : 1;
        const int64_t first = pixels * q / panels, count = pixels * (q + take) / panels - first;
        const float *next_row = rows + (pixels + first) * p->k;
        const int64_t third = count * p->k / 3;
        const wanted next[3] = {{next_row, third},
                                {next_row + third, count * p->k - third},
                                {columns + (pixels + first) * p->n, count * p->n}};
        const block_product j = {.k = pixels,
                                 .a = rows,
                                 .a_row = 1,
                                 .a_step = p->k,
                                 .b = columns + at.at,
                                 .ldb = p->n,
                                 .b_next = NR,
                                 .c = sums + at.packed * p->k,
                                 .ldc = at.width,
                                 .c_next = NR * p->k,
                                 .add = add};
        product_panels(&j, p->k, take * at.width, next);
    }
}

/* Output rows [row, row + rows), all of one image where the rows of x between images differ from
 * those within; added to sums: panel by panel, (p->k, width). */
static void multiply_tile(const reel_conv_job *job, const reel_pointwise_plan *p, int64_t row,
                          int64_t rows, bool add, float *sums)
{
    const reel_conv_shape *s = job->s;
    const float *x = job->x, *dy = job->dy;
    x += (row / s->oh * s->h + row % s->oh * s->sh) * s->w * s->c;
    stretches j = {.count = rows,
                   .k = s->ow,
                   .a = dy + row * s->ow * s->oc,
                   .a_row = 1,
                   .a_step = s->oc,
                   .ldb = s->sw * s->c,
                   .b_jump = (s->sh * s->w - s->ow * s->sw) * s->c,
                   .add = add};
    if (s->sh == 1 && s->sw == 1) {
        dy = j.a;
        multiply_dense_tile(p, p->turned ? x : dy, p->turned ? dy : x, rows * s->ow, add, sums);
        return;
    }

    const int64_t panels = reel_pointwise_panels(s->c, NR, VL);
    for (int64_t q = 0; q < panels; q++) {
        const reel_pointwise_panel at = reel_pointwise_panel_at(s->c, NR, VL, q);
        j.b = x + at.at;
        j.c = sums + at.packed * s->oc;
        j.ldc = at.width;
        stretch_panel(s->oc, at.width, j);
    }
}

/* The sums of output rows [first, last). */
static void sum_rows(const reel_conv_job *job, const reel_pointwise_plan *p, int64_t first,
                     int64_t last, float *sums)
{
    const reel_conv_shape *s = job->s;
    const bool even = s->h == s->oh * s->sh; /* rows lie as far apart between images */
    for (int64_t row = first; row < last;) {
        const int64_t end = even ? last : least(last, (row / s->oh + 1) * s->oh);
        const int64_t rows = least(p->tile_rows, end - row);
        multiply_tile(job, p, row, rows, row > first, sums);
        row += rows;
    }
}

/* The parts' sums in their order, for row i of them: an output channel, or an input channel. */
static void add_pointwise_parts(const reel_conv_job *job, const reel_pointwise_plan *p,
                                const float *all, int64_t i)
{
    const int64_t c = job->s->c, step = p->turned ? c : 1;
    const int64_t panels = reel_pointwise_panels(p->n, NR, VL), size = p->k * p->columns;
    for (int64_t q = 0; q < panels; q++) {
        const reel_pointwise_panel at = reel_pointwise_panel_at(p->n, NR, VL, q);
        const float *from = all + at.packed * p->k + i * at.width;
        float sum[NR] = {0}, *to = (float *)job->out + (p->turned ? i : i * c) + at.at * step;
        for (int64_t part = 0; part < p->parts; part++)
            for (int64_t t = 0; t < at.width; t++)
                sum[t] += from[part * size + t];
        for (int64_t t = at.skip; t < at.width; t++)
            to[t * step] = job->accumulate ? to[t * step] + sum[t] : sum[t];
    }
}

void REEL_ISA_FN(reel_pointwise_weight_grad)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_pointwise_plan p = reel_pointwise_plan_of(s, REEL_CONV_WEIGHT_GRAD);
    const int64_t rows = s->n * s->oh, size = p.k * p.columns;
    float *all = job->scratch;
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(dynamic, 1)
        for (int64_t part = 0; part < p.parts; part++)
            sum_rows(job, &p, rows * part / p.parts, rows * (part + 1) / p.parts,
                     all + part * size);
#pragma omp for schedule(static)
        for (int64_t i = 0; i < p.k; i++)
            add_pointwise_parts(job, &p, all, i);
    }
}
