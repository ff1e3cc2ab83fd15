/* The Winograd convolution, forward and input gradient.
 *
 * A group of tiles is transformed into V (49 matrices, tiles x channels); for each set of panels of
 * 2 VL output channels, V times the set's transformed weights U gives M, which stays in a core's
 * second-level cache and is transformed back at once. Where U is small every thread takes groups of
 * its own, V in its cache too; else U would be read from memory for every few tiles, so all threads
 * share a larger group and deal out its sets.
 *
 * Products ask for the operands of the next one as they go (product.h): they come from memory that
 * another core or an earlier phase wrote, in stretches too short for a hardware prefetcher; that
 * halves the time of conv3-5. */
#include "core/kernels/templates/names.h"
#include "core/kernels/templates/product.h"
#include "core/kernels/templates/winograd_tile.h"

#include <omp.h>

/* One convolution over one group of channels: forward, or the input gradient with the roles of the
 * maps exchanged. */
typedef struct application {
    const reel_winograd_plan *p;
    const map *in, *out;
    const weights *w;
    const output_end *end;
} application;

/* Where the weights of a panel begin: those of 32 channels lie together, whatever the width of a
 * panel. */
KERNEL_INLINE int64_t panel_offset(const reel_winograd_plan *p, int64_t panel)
{
    enum { TOGETHER = 32 };
    return panel * NR / TOGETHER * (REEL_WINOGRAD_PRODUCTS * p->u_step) +
           panel * NR % TOGETHER * p->ic;
}

/* Tiles [first, first + count), transformed (v), for the output channels from o on: of a set of
 * panels, or of one panel. */
typedef struct set_work {
    int64_t first, count, o, width;
    const reel_winograd_tile *tiles;
    const float *v, *u; /* u: of all channels */
    float *products;    /* the thread's own: 49 matrices, count x width */
} set_work;

/* M = V U, point by point. Each product prefetches the operands of the next. */
static void multiply_points(const reel_winograd_plan *p, const set_work *work)
{
    const int64_t width = least(work->width, NR), panel = work->o / NR;
    const float *u = work->u + panel_offset(p, panel), *v = work->v;
    block_product j = {.a_row = p->ic,
                       .a_step = 1,
                       .ldb = width,
                       .b_next = panel_offset(p, panel + 1) - panel_offset(p, panel),
                       .ldc = work->width,
                       .c_next = NR};

    for (int q = 0; q < REEL_WINOGRAD_PRODUCTS; q++, u += p->u_step, v += p->v_step) {
        const place_range tiles = tiles_with(p, q, work->first, work->count);
        const bool more = q + 1 < REEL_WINOGRAD_PRODUCTS;
        const wanted next[3] = {
            {u + p->u_step, more ? p->ic * width : 0},
            {u + p->u_step + j.b_next, more && work->width > NR ? p->ic * width : 0},
            {v + p->v_step, more ? work->count * p->ic : 0}};
        j.c = work->products + q * p->m_step + tiles.skip * work->width;
        for (int64_t k = 0; k < p->ic && tiles.count > 0; k += p->depth) {
            j.k = least(p->depth, p->ic - k);
            j.a = v + tiles.skip * p->ic + k;
            j.b = u + k * width;
            j.add = k > 0;
            const wanted part[3] = {part_wanted(&next[0], k, j.k, p->ic),
                                    part_wanted(&next[1], k, j.k, p->ic),
                                    part_wanted(&next[2], k, j.k, p->ic)};
            product_panels(&j, tiles.count, work->width, part);
        }
    }
}

/* y = A^T M A of all tiles. */
static void write_tiles(const application *all, const set_work *work)
{
    const reel_winograd_plan *p = all->p;
    const output_end *f = all->end;
    const output_end here = {f->bias ? f->bias + work->o : NULL, f->relu, f->accumulate};
    const map part = channels_from(all->out, work->o);
    for (int64_t t = 0; t < work->count; t++) {
        const tile_points points = {work->products + t * work->width, p->m_step, work->width};
        if (p->m == 5)
            tile_output(5, &part, &work->tiles[t], points, &here);
        else
            tile_output(3, &part, &work->tiles[t], points, &here);
    }
}

/* Set `set` of panels for some tiles of a group: products and the way back. Where it is not whole,
 * a panel at a time. */
static void apply_set(const application *all, int64_t set, set_work work)
{
    enum { WIDE = SET * NR };
    const int64_t first = set * WIDE, end = least(first + WIDE, all->p->oc);
    work.width = end - first == WIDE ? WIDE : NR;
    for (work.o = first; work.o < end; work.o += work.width) {
        work.width = least(work.width, end - work.o);
        multiply_points(all->p, &work);
        write_tiles(all, &work);
    }
}

/* U of the channels [first, last) for a set of panels. */
static void set_weights(const application *all, int64_t set, int64_t first, int64_t last, float *u)
{
    const reel_winograd_plan *p = all->p;
    const int64_t end = least((set + 1) * SET, (p->oc + NR - 1) / NR);
    for (int64_t panel = set * SET; panel < end; panel++)
        panel_weights(p, all->w, panel, first, last, u + panel_offset(p, panel));
}

static void all_weights(const application *all, int64_t sets, float *u)
{
    enum { SLICE = 32 };
    const int64_t ic = all->p->ic, slices = (ic + SLICE - 1) / SLICE;
#pragma omp for schedule(static)
    for (int64_t item = 0; item < sets * slices; item++) {
        const int64_t i = item % slices * SLICE;
        set_weights(all, item / slices, i, least(i + SLICE, ic), u);
    }
}

static void read_tile(const application *all, const reel_winograd_tile *tile, float *v)
{
    const void *pixel[P * P];
    tile_pixels(all->in, tile, P, pixel);
    tile_input(all->in->bf16, tile, pixel, all->p->ic, (points_to){v, all->p->v_step});
}

/* Into how many parts a group's tiles are dealt, beside its sets of panels. */
static int64_t parts_of_group(int64_t sets, int threads)
{
    return sets % threads == 0 || sets >= 4 * threads ? 1 : threads;
}

/* Groups of tiles that all threads work on together: V is shared, sets of panels are dealt out.
 * once: each set's weights are used by one thread, once, which transforms them itself. */
static void apply_together(const application *all, int64_t sets, int64_t parts, float *u, float *v,
                           float *products)
{
    const reel_winograd_plan *p = all->p;
    const int64_t groups = (p->tiles + p->group - 1) / p->group;
    reel_winograd_tile tile[REEL_WINOGRAD_GROUP];
    const bool once = groups == 1 && parts == 1;
    if (!once)
        all_weights(all, sets, u);

    for (int64_t g = 0; g < groups; g++) {
        const int64_t first = p->tiles * g / groups, tiles = p->tiles * (g + 1) / groups - first;
        for (int64_t t = 0; t < tiles; t++)
            tile[t] = reel_winograd_tile_at(p, first + t);
#pragma omp for schedule(static)
        for (int64_t t = 0; t < tiles; t++)
            read_tile(all, &tile[t], v + t * p->ic);
#pragma omp for schedule(static)
        for (int64_t item = 0; item < sets * parts; item++) {
            const int64_t set = item / parts, row = tiles * (item % parts) / parts;
            const int64_t rows = tiles * (item % parts + 1) / parts - row;
            if (once)
                set_weights(all, set, 0, p->ic, u);
            apply_set(all, set,
                      (set_work){.first = first + row,
                                 .count = rows,
                                 .tiles = tile + row,
                                 .v = v + row * p->ic,
                                 .u = u,
                                 .products = products});
        }
    }
}

/* Groups of tiles that one thread works on alone, V in its cache. They have 36 to 49 points, so
 * threads take them by turns. */
static void apply_alone(const application *all, int64_t sets, float *u, float *v, float *products)
{
    const reel_winograd_plan *p = all->p;
    const int64_t groups = (p->tiles + p->group - 1) / p->group;
    reel_winograd_tile tile[REEL_WINOGRAD_GROUP];
    all_weights(all, sets, u);

#pragma omp for schedule(static, 1)
    for (int64_t g = 0; g < groups; g++) {
        const int64_t first = p->tiles * g / groups, tiles = p->tiles * (g + 1) / groups - first;
        for (int64_t t = 0; t < tiles; t++) {
            tile[t] = reel_winograd_tile_at(p, first + t);
            read_tile(all, &tile[t], v + t * p->ic);
        }
        for (int64_t set = 0; set < sets; set++)
            apply_set(all, set,
                      (set_work){.first = first,
                                 .count = tiles,
                                 .tiles = tile,
                                 .v = v,
                                 .u = u,
                                 .products = products});
    }
}

static void apply(const application *all, int threads, float *scratch)
{
    const reel_winograd_plan *p = all->p;
    const int64_t sets = (p->oc + SET * NR - 1) / (SET * NR);
    float *u = scratch, *shared = u + p->u_floats, *own = shared + p->shared_floats;
#pragma omp parallel num_threads(threads)
    {
        float *products = own + (size_t)omp_get_thread_num() * p->private_floats;
        if (p->shared)
            apply_together(all, sets, parts_of_group(sets, threads), u, shared, products);
        else
            apply_alone(all, sets, u, products + REEL_WINOGRAD_PRODUCTS * p->m_step, products);
    }
}

void REEL_ISA_FN(reel_winograd_forward)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    reel_winograd_plan p = reel_winograd_plan_apply(s, false);
    const float *w = job->w, *bias = job->bias;
    const map x = {job->x, job->x_bf16, s->h, s->w, s->c, -s->ph, -s->pw, s->dh, s->dw};
    const map y = {job->out, job->out_bf16, s->oh, s->ow, s->oc, 0, 0, s->dh, s->dw};
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
    const int64_t top = s->ph - (p.r - 1) * s->dh, left = s->pw - (p.r - 1) * s->dw;
    const map dy = {job->dy, job->dy_bf16, s->oh, s->ow, s->oc, top, left, s->dh, s->dw};
    const map dx = {job->out, job->out_bf16, s->h, s->w, s->c, 0, 0, s->dh, s->dw};
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
