/* The weight gradient of first layers: a product whose sum runs over rows of outputs. Every sum is
 * taken part by part, in an order that depends on the shape alone. */
#include "core/kernels/templates/first_layer_lines.h"
#include "core/kernels/templates/names.h"

#include <omp.h>

/* What runs leave behind their last whole vector, for every output of a band, side by side for all
 * kernel rows. */
static void copy_rests(const reel_conv_shape *s, const reel_first_layer_plan *p, int64_t rows,
                       const float *lines, float *rests)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < s->ow; i++, rests += p->spread) {
            const float *from = lines + r * s->sh * p->line + i * s->sw * s->c + p->run - p->rest;
            for (int64_t ky = 0; ky < s->kh; ky++)
                for (int64_t t = 0; t < p->rest; t++)
                    rests[ky * p->rest + t] = from[ky * p->line + t];
            memset(rests + s->kh * p->rest, 0,
                   (size_t)(p->spread - s->kh * p->rest) * sizeof *rests);
        }
}

/* Adds the products of a band to the sums of its part: for each kernel row the whole vectors of a
 * run, (kh, oc, run - rest), then the rests, (oc, spread). */
static void weight_grad_band(const reel_conv_shape *s, const reel_first_layer_plan *p, stretches j,
                             const float *lines, const float *rests, float *sums)
{
    const int64_t whole = p->run - p->rest;
    for (int64_t ky = 0; ky < s->kh; ky++)
        for (int64_t t = 0; t < whole; t += NR) {
            j.b = lines + ky * p->line + t;
            j.ldb = s->sw * s->c;
            j.b_jump = s->sh * p->line - s->ow * j.ldb;
            j.c = sums + ky * s->oc * whole + t;
            j.ldc = whole;
            stretch_panel(s->oc, whole - t < NR ? VL : NR, j);
        }

    /* What the runs leave behind their last whole vector. */
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
static void add_sums(float *all, int64_t parts, int64_t size)
{
#pragma omp for schedule(static)
    for (int64_t e = 0; e < size; e += VL) {
        vec sum = load(all + e);
        for (int64_t part = 1; part < parts; part++)
            sum += load(all + part * size + e);
        store(all + e, sum);
    }
}

/* The weights of output channel o, from the sums to where they belong. */
static void write_weights(const reel_conv_job *job, const reel_first_layer_plan *p, int64_t o,
                          const float *sums)
{
    const reel_conv_shape *s = job->s;
    const int64_t whole = p->run - p->rest;
    for (int64_t ky = 0; ky < s->kh; ky++) {
        float *to = (float *)job->out + (o * s->kh + ky) * p->run;
        const float *runs = sums + (ky * s->oc + o) * whole;
        const float *ends = sums + s->kh * s->oc * whole + o * p->spread + ky * p->rest;
        for (int64_t t = 0; t < p->run; t++)
            to[t] = (job->accumulate ? to[t] : 0) + (t < whole ? runs[t] : ends[t - whole]);
    }
}

void REEL_ISA_FN(reel_first_layer_weight_grad)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_first_layer_plan p = reel_first_layer_plan_of(s, REEL_CONV_WEIGHT_GRAD);
    const int64_t own = reel_first_layer_own(s, &p, REEL_CONV_WEIGHT_GRAD), items = s->n * p.bands;
    const int64_t size = reel_first_layer_shared(s, &p, REEL_CONV_WEIGHT_GRAD);
    float *all = job->scratch, *buffers = all + p.parts * size;
#pragma omp parallel num_threads(threads)
    {
        float *lines = buffers + omp_get_thread_num() * own,
              *rests = lines + own - p.rows * s->ow * p.spread;
#pragma omp for schedule(dynamic, 1)
        for (int64_t part = 0; part < p.parts; part++) {
            const int64_t first = items * part / p.parts, last = items * (part + 1) / p.parts;
            for (int64_t item = first; item < last; item++) {
                const band at = band_of(s, &p, item);
                const float *dy =
                    (const float *)job->dy + (at.image * s->oh + at.row) * s->ow * s->oc;
                copy_lines(s, &p, job->x, at, lines);
                if (p.rest)
                    copy_rests(s, &p, at.rows, lines, rests);
                stretches j = {.count = at.rows,
                               .k = s->ow,
                               .a = dy,
                               .a_row = 1,
                               .a_step = s->oc,
                               .add = item > first};
                weight_grad_band(s, &p, j, lines, rests, all + part * size);
            }
        }

        add_sums(all, p.parts, size);
#pragma omp for schedule(static)
        for (int64_t o = 0; o < s->oc; o++)
            write_weights(job, &p, o, all);
    }
}
