/* The input gradient of a first layer.
 *
 * With three input channels a product that writes dx has three columns and leaves nearly all of a
 * vector idle. So one row of dy at a time is multiplied by all weights, which has kh kw c columns,
 * and the runs of kw c values that come out are added to the rows of dx where they belong. dy is
 * read in place. Threads take bands of dx; a row of dy that reaches into two bands is multiplied
 * for each. Every value of dx is summed over dy from the top left to the bottom right, whatever the
 * bands. */
#include "core/kernels/first_layer.h"
#include "core/kernels/templates/names.h"
#include "core/kernels/templates/stretch.h"

#include <omp.h>
#include <string.h>

/* w (oc, kh run) in panels of NR columns, zeros behind the last. */
static void pack_weights(const reel_conv_shape *s, int64_t columns, const float *w, float *to)
{
    const int64_t n = s->kh * s->kw * s->c;
#pragma omp for schedule(static)
    for (int64_t j = 0; j < columns; j += NR)
        for (int64_t o = 0; o < s->oc; o++)
            for (int64_t t = 0; t < NR; t++)
                to[j * s->oc + o * NR + t] = j + t < n ? w[o * n + j + t] : 0;
}

static inline void add_run(float *to, const float *from, int64_t n)
{
    int64_t t = 0;
    for (; t + VL <= n; t += VL)
        store(to + t, load(to + t) + load(from + t));
    for (; t < n; t++)
        to[t] += from[t];
}

/* Rows [top, bottom) of one image of dx. */
typedef struct dx_band {
    float *dx;
    int64_t top, bottom;
} dx_band;

/* Adds what a row of dy gives, (ow, kh, kw c) with `ld` values a pixel, to a band of dx; kernel row
 * 0 falls on row y. Tap after tap down, so that a run is seldom added to where the one before has
 * just been. */
static void add_row(const reel_conv_shape *s, const float *from, int64_t ld, dx_band band,
                    int64_t y)
{
    const int64_t run = s->kw * s->c, width = s->w * s->c;
    const int64_t first = y < band.top ? band.top - y : 0, last = least(band.bottom - y, s->kh);
    for (int64_t i = 0; i < s->ow; i++, from += ld) {
        const int64_t x = (i * s->sw - s->pw) * s->c;
        const int64_t begin = x < 0 ? -x : 0, end = least(width - x, run);
        if (begin >= end)
            continue;
        for (int64_t ky = first; ky < last; ky++)
            add_run(band.dx + (y + ky) * width + x + begin, from + ky * run + begin, end - begin);
    }
}

/* products (ow, columns) = a row of dy times all weights. */
static void multiply_row(const reel_conv_shape *s, int64_t columns, const float *dy,
                         const float *panels, float *products)
{
    for (int64_t j = 0; j < columns; j += NR) {
        const stretches product = {.count = 1,
                                   .k = s->oc,
                                   .a = dy,
                                   .a_row = s->oc,
                                   .a_step = 1,
                                   .b = panels + j * s->oc,
                                   .ldb = NR,
                                   .c = products + j,
                                   .ldc = columns};
        stretch_panel(s->ow, columns - j < NR ? VL : NR, product);
    }
}

void REEL_ISA_FN(reel_first_layer_input_grad)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_first_layer_plan p = reel_first_layer_plan_of(s, REEL_CONV_INPUT_GRAD);
    const int64_t width = s->w * s->c, own = reel_first_layer_own(s, &p, REEL_CONV_INPUT_GRAD);
    float *panels = job->scratch;
    float *buffers = panels + reel_first_layer_shared(s, &p, REEL_CONV_INPUT_GRAD);

#pragma omp parallel num_threads(threads)
    {
        float *products = buffers + omp_get_thread_num() * own;
        pack_weights(s, p.columns, job->w, panels);
#pragma omp for schedule(static)
        for (int64_t item = 0; item < s->n * p.bands; item++) {
            const int64_t image = item / p.bands, part = item % p.bands;
            const dx_band band = {.dx = (float *)job->out + image * s->h * width,
                                  .top = s->h * part / p.bands,
                                  .bottom = s->h * (part + 1) / p.bands};
            const int64_t values = (band.bottom - band.top) * width;
            if (!job->accumulate)
                memset(band.dx + band.top * width, 0, (size_t)values * sizeof *band.dx);

            /* The first row of dy whose kernel reaches the band. */
            const int64_t above = band.top + s->ph - s->kh;
            int64_t row = above < 0 ? 0 : above / s->sh + 1;
            for (; row < s->oh && row * s->sh - s->ph < band.bottom; row++) {
                const float *dy = (const float *)job->dy + (image * s->oh + row) * s->ow * s->oc;
                multiply_row(s, p.columns, dy, panels, products);
                add_row(s, products, p.columns, band, row * s->sh - s->ph);
            }
        }
    }
}
