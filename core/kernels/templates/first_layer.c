/* The direct convolution of first layers, forward: a product whose sum runs over the kernel's rows,
 * each a stretch of kw c values of the image. */
#include "core/kernels/templates/first_layer_lines.h"
#include "core/kernels/templates/names.h"

#include <omp.h>

/* Where panel `panel` of the weights begins: (kh run) x width values. */
static inline int64_t panel_at(int64_t panel, int64_t depth)
{
    return panel * NR * depth;
}

static void forward_band(const reel_conv_job *job, const reel_first_layer_plan *p, band at,
                         const float *lines, const float *panels)
{
    const reel_conv_shape *s = job->s;
    const float *bias = job->bias;
    for (int64_t o = 0; o < s->oc; o += NR) {
        const int64_t width = s->oc - o < NR ? VL : NR;
        for (int64_t r = 0; r < at.rows; r++) {
            float *y = (float *)job->out + ((at.image * s->oh + at.row + r) * s->ow) * s->oc + o;
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

            for (int64_t i = 0; (bias || job->relu) && i < s->ow; i++)
                for (int64_t t = 0; t < width; t += VL) {
                    const vec sum = load(y + i * s->oc + t);
                    const vec whole = bias ? sum + load(bias + o + t) : sum;
                    store(y + i * s->oc + t, job->relu ? rectified(whole) : whole);
                }
        }
    }
}

void REEL_ISA_FN(reel_first_layer_forward)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_first_layer_plan p = reel_first_layer_plan_of(s, REEL_CONV_FORWARD);
    const int64_t depth = s->kh * p.run, own = reel_first_layer_own(s, &p, REEL_CONV_FORWARD);
    float *panels = job->scratch,
          *lines = panels + reel_first_layer_shared(s, &p, REEL_CONV_FORWARD);
    const float *w = job->w;

#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t o = 0; o < s->oc; o++) {
            const int64_t panel = o / NR, width = s->oc - panel * NR < NR ? VL : NR;
            float *to = panels + panel_at(panel, depth) + o % NR;
            for (int64_t d = 0; d < depth; d++)
                to[d * width] = w[o * depth + d];
        }

        /* Bands cost differently (their lines may lie on padding), so each thread takes the next.
         */
        float *mine = lines + omp_get_thread_num() * own;
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < s->n * p.bands; item++) {
            const band at = band_of(s, &p, item);
            copy_lines(s, &p, job->x, at, mine);
            forward_band(job, &p, at, mine, panels);
        }
    }
}
