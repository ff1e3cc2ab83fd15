/* The Winograd convolution, forward and input gradient, with products in float32.
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
#ifndef REEL_CORE_KERNELS_TEMPLATES_WINOGRAD_FLOATS_H
#define REEL_CORE_KERNELS_TEMPLATES_WINOGRAD_FLOATS_H

#include "core/kernels/templates/product.h"
#include "core/kernels/templates/winograd_tile.h"

#include <omp.h>

/* Tiles [first, first + count), transformed (v), for the output channels from o on: of a set of
 * panels, or of one panel. */
typedef struct set_work {
    int64_t first, count, o, width;
    const reel_winograd_tile *tiles;
    const float *v, *u; /* u: of all channels */
    float *products;    /* the thread's own: 49 matrices, count x width */
} set_work;

/* Where the weights of a panel begin: those of 32 channels lie together, whatever the width of a
 * panel. */
KERNEL_INLINE int64_t panel_offset(const reel_winograd_plan *p, int64_t panel)
{
    enum { TOGETHER = 32 };
    return panel * NR / TOGETHER * (REEL_WINOGRAD_PRODUCTS * p->u_step) +
           panel * NR % TOGETHER * p->ic;
}

/* U of one panel of NR output channels (the last may be VL wide): point q at u + q p->u_step, ic x
 * width. */
KERNEL_INLINE void panel_weights(const reel_winograd_plan *p, const weights *w, int64_t panel,
                                 int64_t first, int64_t last, float *u)
{
    const int64_t width = p->oc - panel * NR < NR ? VL : NR;
    tap_vectors taps;
    for (int64_t o = 0; o < width; o += VL)
        for (int64_t i = first; i < last; i++) {
            float *to = u + i * width + o;
            const int64_t l = (i - first) % VL;
            if (p->r == 3) {
                if (l == 0)
                    read_taps(3, w, panel * NR + o, i, &taps);
                tile_weights(3, &taps, l, to, p->u_step);
            } else {
                if (l == 0)
                    read_taps(5, w, panel * NR + o, i, &taps);
                tile_weights(5, &taps, l, to, p->u_step);
            }
        }
}

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

static void read_tile(const application *all, const reel_winograd_tile *tile, float *v)
{
    const void *pixel[P * P];
    tile_pixels(all->in, tile, P, pixel);
    tile_input(all->in->bf16, tile, pixel, all->p->ic, (points_to){v, all->p->v_step});
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
    reel_winograd_tile tile[REEL_WINOGRAD_GROUP];
    const bool once = p->groups == 1 && parts == 1;
    if (!once)
        all_weights(all, sets, u);

    for (int64_t g = 0; g < p->groups; g++) {
        const int64_t first = reel_winograd_group_begins(p, g);
        const int64_t tiles = reel_winograd_group_begins(p, g + 1) - first;
        for (int64_t t = 0; t < tiles; t++)
            tile[t] = reel_winograd_tile_at(p, first + t);
#pragma omp for schedule(static)
        for (int64_t t = 0; t < tiles; t++)
            read_tile(all, &tile[t], v + t * p->v_row);
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
                                 .v = v + row * p->v_row,
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
    reel_winograd_tile tile[REEL_WINOGRAD_GROUP];
    all_weights(all, sets, u);

#pragma omp for schedule(static, 1)
    for (int64_t g = 0; g < p->groups; g++) {
        const int64_t first = reel_winograd_group_begins(p, g);
        const int64_t tiles = reel_winograd_group_begins(p, g + 1) - first;
        for (int64_t t = 0; t < tiles; t++) {
            tile[t] = reel_winograd_tile_at(p, first + t);
            read_tile(all, &tile[t], v + t * p->v_row);
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

static void apply_in_floats(const application *all, int threads, float *scratch)
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

#endif
