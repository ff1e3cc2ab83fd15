/* The weight gradient of 1 x 1 convolutions with few channels:
 *
 *   dw (oc, c) = dy^T (oc, pixels) x (pixels, c)
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
static void multiply_dense_tile(const reel_conv_shape *s, const float *x, const float *dy,
                                int64_t pixels, bool add, float *sums)
{
    const int64_t panels = reel_pointwise_panels(s->c, NR, VL);
    for (int64_t q = 0; q < panels; q++) {
        const reel_pointwise_panel at = reel_pointwise_panel_at(s->c, NR, VL, q);
        const int64_t first = pixels * q / panels, count = pixels * (q + 1) / panels - first;
        const float *next_x = x + (pixels + first) * s->c, *next_dy = dy + (pixels + first) * s->oc;
        const wanted next[3] = {{next_dy, count * s->oc / 3},
                                {next_dy + count * s->oc / 3, count * s->oc - count * s->oc / 3},
                                {next_x, count * s->c}};
        const block_product j = {.k = pixels,
                                 .a = dy,
                                 .a_row = 1,
                                 .a_step = s->oc,
                                 .b = x + at.at,
                                 .ldb = s->c,
                                 .c = sums + at.packed * s->oc,
                                 .ldc = at.width,
                                 .add = add};
        product_panel(j, s->oc, at.width, next);
    }
}

/* Output rows [row, row + rows), all of one image where the rows of x between images differ from
 * those within; added to sums: panel by panel, (oc, width). */
static void multiply_tile(const reel_conv_job *job, int64_t row, int64_t rows, bool add,
                          float *sums)
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
        multiply_dense_tile(s, x, j.a, rows * s->ow, add, sums);
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
        multiply_tile(job, row, rows, row > first, sums);
        row += rows;
    }
}

/* The parts' sums in their order, for output channel o. */
static void add_pointwise_parts(const reel_conv_job *job, const reel_pointwise_plan *p,
                                const float *all, int64_t o)
{
    const reel_conv_shape *s = job->s;
    const int64_t panels = reel_pointwise_panels(s->c, NR, VL), size = s->oc * p->columns;
    for (int64_t q = 0; q < panels; q++) {
        const reel_pointwise_panel at = reel_pointwise_panel_at(s->c, NR, VL, q);
        const float *from = all + at.packed * s->oc + o * at.width;
        float sum[NR] = {0}, *to = (float *)job->out + o * s->c + at.at;
        for (int64_t part = 0; part < p->parts; part++)
            for (int64_t t = 0; t < at.width; t++)
                sum[t] += from[part * size + t];
        for (int64_t t = at.skip; t < at.width; t++)
            to[t] = job->accumulate ? to[t] + sum[t] : sum[t];
    }
}

void REEL_ISA_FN(reel_pointwise_weight_grad)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_pointwise_plan p = reel_pointwise_plan_of(s, REEL_CONV_WEIGHT_GRAD);
    const int64_t rows = s->n * s->oh, size = s->oc * p.columns;
    float *all = job->scratch;
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(dynamic, 1)
        for (int64_t part = 0; part < p.parts; part++)
            sum_rows(job, &p, rows * part / p.parts, rows * (part + 1) / p.parts,
                     all + part * size);
#pragma omp for schedule(static)
        for (int64_t o = 0; o < s->oc; o++)
            add_pointwise_parts(job, &p, all, o);
    }
}
