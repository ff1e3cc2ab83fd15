/* The Winograd convolution, forward and input gradient.
 *
 * A group of tiles is transformed into V (49 matrices, tiles x channels); for each panel of
 * 2 VL output channels, V times the panel's transformed weights U gives M, which stays in a core's
 * second-level cache and is transformed back at once. Where U is small every thread takes groups of
 * its own, V in its cache too; else U would be read from memory for every few tiles, so all threads
 * share a larger group and deal out its panels.
 *
 * Products ask for the operands of the next one as they go (product.h): they come from memory that
 * another core or an earlier phase wrote, in stretches too short for a hardware prefetcher; that
 * halves the time of conv3-5. */
#include "core/kernels/templates/names.h"
#include "core/kernels/templates/product.h"
#include "core/kernels/templates/winograd_tile.h"

#include <omp.h>

/* What `depth` of `all` terms of a sum, from the k-th on, bring nearer. */
KERNEL_INLINE wanted terms_of(const wanted *w, int64_t k, int64_t depth, int64_t all)
{
    const int64_t begin = w->reals * k / all;
    return (wanted){w->from + begin, w->reals * (k + depth) / all - begin};
}

/* One convolution over one group of channels: forward, or the input gradient with the roles of the
 * maps exchanged. */
typedef struct application {
    const reel_winograd_plan *p;
    const map *in, *out;
    const weights *w;
    const output_end *end;
} application;

/* Tiles [first, first + count), transformed (v), for one panel of output channels. */
typedef struct panel_work {
    int64_t panel, first, count;
    const float *v, *u;
    float *products; /* the thread's own: 49 matrices, count x the panel's width */
} panel_work;

/* One panel of output channels for `rows` tiles of a group: 49 products and the way back. */
static void apply_panel(const application *all, const panel_work *work)
{
    const reel_winograd_plan *p = all->p;
    const output_end *f = all->end;
    const int64_t panel = work->panel, rows = work->count;
    const int64_t width = p->oc - panel * NR < NR ? VL : NR;

    /* M = V U, point by point; each product prefetches the operands of the next. */
    for (int q = 0; q < REEL_WINOGRAD_PRODUCTS; q++) {
        const float *a = work->v + q * p->v_step, *b = work->u + q * p->u_step;
        const bool more = q + 1 < REEL_WINOGRAD_PRODUCTS;
        const wanted next[3] = {{b + p->u_step, more ? p->ic * width : 0},
                                {NULL, 0},
                                {a + p->v_step, more ? rows * p->ic : 0}};
        float *c = work->products + q * p->m_step;
        for (int64_t k = 0; k < p->ic; k += p->depth) {
            const int64_t depth = p->ic - k < p->depth ? p->ic - k : p->depth;
            const wanted part[3] = {terms_of(&next[0], k, depth, p->ic), next[1],
                                    terms_of(&next[2], k, depth, p->ic)};
            const block_product j = {.k = depth,
                                     .a = a + k,
                                     .a_row = p->ic,
                                     .a_step = 1,
                                     .b = b + k * width,
                                     .ldb = width,
                                     .c = c,
                                     .ldc = width,
                                     .add = k > 0};
            product_panel(j, rows, width, part);
        }
    }

    const output_end here = {f->bias ? f->bias + panel * NR : NULL, f->relu, f->accumulate};
    const map part = channels_from(all->out, panel * NR);
    for (int64_t t = 0; t < rows; t++) {
        const tile_points points = {work->products + t * width, p->m_step, width};
        if (p->m == 5)
            tile_output(5, &part, work->first + t, points, &here);
        else
            tile_output(3, &part, work->first + t, points, &here);
    }
}

/* Where the weights of a panel begin: those of 32 channels lie together, whatever the width of a
 * panel. */
KERNEL_INLINE float *panel_of(const reel_winograd_plan *p, float *u, int64_t panel)
{
    enum { TOGETHER = 32 };
    return u + panel * NR / TOGETHER * (REEL_WINOGRAD_PRODUCTS * p->u_step) +
           panel * NR % TOGETHER * p->ic;
}

static void all_weights(const reel_winograd_plan *p, const weights *w, float *u)
{
    const int64_t panels = (p->oc + NR - 1) / NR, slice = 32, slices = (p->ic + slice - 1) / slice;
#pragma omp for schedule(static)
    for (int64_t item = 0; item < panels * slices; item++) {
        const int64_t i = item % slices * slice, end = i + slice < p->ic ? i + slice : p->ic;
        panel_weights(p, w, item / slices, i, end, panel_of(p, u, item / slices));
    }
}

/* Into how many parts a group's tiles are dealt, beside its panels. */
static int64_t parts_of_group(int64_t panels, int threads)
{
    return panels % threads == 0 || panels >= 4 * threads ? 1 : threads;
}

/* Groups of tiles that all threads work on together: V is shared, panels are dealt out. once: each
 * panel's weights are used by one thread, once, which transforms them itself. */
static void apply_together(const application *all, int threads, bool once, float *u, float *v,
                           float *products)
{
    const reel_winograd_plan *p = all->p;
    const int64_t panels = (p->oc + NR - 1) / NR, groups = (p->tiles + p->group - 1) / p->group;
    const int64_t parts = parts_of_group(panels, threads);

    for (int64_t g = 0; g < groups; g++) {
        const int64_t first = p->tiles * g / groups, tiles = p->tiles * (g + 1) / groups - first;
#pragma omp for schedule(static)
        for (int64_t t = 0; t < tiles; t++)
            tile_input(all->in, first + t, p->ic, v + t * p->ic, p->v_step);
#pragma omp for schedule(static)
        for (int64_t item = 0; item < panels * parts; item++) {
            const int64_t panel = item / parts, row = tiles * (item % parts) / parts;
            const int64_t rows = tiles * (item % parts + 1) / parts - row;
            float *mine = panel_of(p, u, panel);
            if (once)
                panel_weights(p, all->w, panel, 0, p->ic, mine);
            apply_panel(all,
                        &(panel_work){panel, first + row, rows, v + row * p->ic, mine, products});
        }
    }
}

/* Groups of tiles that one thread works on alone, V in its cache. */
static void apply_alone(const application *all, float *u, float *v, float *products)
{
    const reel_winograd_plan *p = all->p;
    const int64_t panels = (p->oc + NR - 1) / NR, groups = (p->tiles + p->group - 1) / p->group;
#pragma omp for schedule(static)
    for (int64_t g = 0; g < groups; g++) {
        const int64_t first = p->tiles * g / groups, tiles = p->tiles * (g + 1) / groups - first;
        for (int64_t t = 0; t < tiles; t++)
            tile_input(all->in, first + t, p->ic, v + t * p->ic, p->v_step);
        for (int64_t panel = 0; panel < panels; panel++)
            apply_panel(all,
                        &(panel_work){panel, first, tiles, v, panel_of(p, u, panel), products});
    }
}

static void apply(const application *all, int threads, float *scratch)
{
    const reel_winograd_plan *p = all->p;
    const int64_t panels = (p->oc + NR - 1) / NR;
    const bool once = p->shared && p->tiles <= p->group && parts_of_group(panels, threads) == 1;
    float *u = scratch, *shared = u + p->u_floats, *own = shared + p->shared_floats;
#pragma omp parallel num_threads(threads)
    {
        float *products = own + (size_t)omp_get_thread_num() * p->private_floats;
        if (!once)
            all_weights(p, all->w, u);
        if (p->shared)
            apply_together(all, threads, once, u, shared, products);
        else
            apply_alone(all, u, products + REEL_WINOGRAD_PRODUCTS * p->m_step, products);
    }
}

void REEL_ISA_FN(reel_winograd_forward)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    reel_winograd_plan p = reel_winograd_plan_apply(s, false);
    const float *w = job->w, *bias = job->bias;
    const map x = {job->x, job->x_bf16, s->h, s->w, s->c, -s->ph, -s->pw, p.m, p.rows, p.cols};
    const map y = {job->out, job->out_bf16, s->oh, s->ow, s->oc, 0, 0, p.m, p.rows, p.cols};
    const int64_t part = p.oc, taps = p.r * p.r * p.ic;
    for (int64_t o = 0; o < s->oc; o += p.oc) {
        /* Output channels of group g, from the `first` on. */
        const int64_t g = o / p.all, first = o % p.all;
        p.oc = least(part, p.all - first);
        const map in = channels_from(&x, g * p.ic), out = channels_from(&y, o);
        const weights kernel = {w + o * taps, taps, 1, p.ic, false};
        const output_end end = {.bias = bias ? bias + o : NULL, .relu = job->relu};
        apply(&(application){&p, &in, &out, &kernel, &end}, threads, job->scratch);
    }
}

void REEL_ISA_FN(reel_winograd_input_grad)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    reel_winograd_plan p = reel_winograd_plan_apply(s, true);
    const float *w = job->w;
    const int64_t top = s->ph - p.r + 1, left = s->pw - p.r + 1;
    const map dy = {job->dy, job->dy_bf16, s->oh, s->ow, s->oc, top, left, p.m, p.rows, p.cols};
    const map dx = {job->out, job->out_bf16, s->h, s->w, s->c, 0, 0, p.m, p.rows, p.cols};
    const int64_t part = p.oc, taps = p.r * p.r * p.all;
    for (int64_t i = 0; i < s->c; i += p.oc) {
        const int64_t g = i / p.all, first = i % p.all;
        p.oc = least(part, p.all - first);
        const map in = channels_from(&dy, g * p.ic), out = channels_from(&dx, i);
        const weights kernel = {w + g * p.ic * taps + first, 1, taps, p.all, true};
        const output_end end = {.accumulate = job->accumulate};
        apply(&(application){&p, &in, &out, &kernel, &end}, threads, job->scratch);
    }
}
