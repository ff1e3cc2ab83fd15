/* The Winograd convolution, forward and input gradient, with products by tiles of bf16 (tiles.h).
 *
 * All threads transform a group of tiles of the image into V, share out the 49 products M = V U,
 * and transform M back. V and U are float32 numbers in three limbs. The products take so little
 * time that what they read decides: a point's U stays in the second-level cache while all rows of V
 * pass, and V and M of a group in the third. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_WINOGRAD_LIMBS_H
#define REEL_CORE_KERNELS_TEMPLATES_WINOGRAD_LIMBS_H

#include "core/kernels/templates/tiles.h"
#include "core/kernels/templates/winograd_tile.h"

#include <omp.h>

enum {
    COLUMN_BYTES = LIMBS * TILE_BYTES, /* of U: 32 terms of 16 columns */
    STEP_BYTES = 2 * COLUMN_BYTES      /* the same of a panel of 32 columns */
};

KERNEL_INLINE int64_t limb_steps(const reel_winograd_plan *p)
{
    return (p->ic + TILE_TERMS - 1) / TILE_TERMS;
}

/* U of a panel of 32 output channels, for the channels [first, last), an even number; zeros behind
 * the last channel of all. u: of all panels. */
static void weights_in_limbs(const application *all, int64_t panel, int64_t first, int64_t last,
                             float *u)
{
    const reel_winograd_plan *p = all->p;
    tap_vectors taps;
    float even[REEL_WINOGRAD_PRODUCTS * VL], odd[REEL_WINOGRAD_PRODUCTS * VL];
    const int64_t width = least(NR, p->oc - panel * NR), steps = limb_steps(p);
    const int64_t end = last < p->ic ? last : steps * TILE_TERMS;
    for (int64_t o = 0; o < width; o += VL)
        for (int64_t i = first; i < end; i += 2) {
            char *to = (char *)u + (panel * steps + i / TILE_TERMS) * STEP_BYTES +
                       o / TILE_COLS * COLUMN_BYTES + i % TILE_TERMS / 2 * TILE_ROW_BYTES;
            const bool zeros = i >= last;
            const int64_t l = (i - first) % VL;
            if (!zeros) { /* limbs pay for 3x3 kernels only */
                if (l == 0)
                    read_taps(3, all->w, panel * NR + o, i, &taps);
                tile_weights(3, &taps, l, even, VL);
                tile_weights(3, &taps, l + 1, odd, VL);
            }
            for (int64_t q = 0; q < REEL_WINOGRAD_PRODUCTS; q++)
                put_limb_words(to + q * p->u_step * (int64_t)sizeof(float),
                               zeros ? (vec){0} : load(even + q * VL),
                               zeros ? (vec){0} : load(odd + q * VL));
        }
}

static void all_limbs(const application *all, float *u)
{
    const int64_t panels = (all->p->oc + NR - 1) / NR, slices = limb_steps(all->p);
#pragma omp for schedule(static)
    for (int64_t item = 0; item < panels * slices; item++) {
        const int64_t i = item % slices * TILE_TERMS;
        weights_in_limbs(all, item / slices, i, least(i + TILE_TERMS, all->p->ic), u);
    }
}

/* Where a point's limbs go: to + q step. */
typedef struct limbs_to {
    char *to;
    int64_t step;
} limbs_to;

/* V = B^T d B of a tile, which is row `row` of V; 32 channels at a time, which fill a line. */
KERNEL_INLINE void tile_to_limbs(const bool bf16, const bool whole, const reel_winograd_tile *tile,
                                 const void *const *pixel, int64_t channels, limbs_to v)
{
    const tile_size points = size_of(tile, P, whole);
    vec t[2][P][P], column[2][P];
    for (int64_t ch = 0; ch < channels; ch += NR) {
        for (int h = 0; h < 2; h++)
            for (int j = 0; j < P; j++) {
                const bool there = ch + h * VL < channels;
                UNROLLED_FOR(i, P)
                    column[h][i] = load_pixel(bf16, there ? pixel[i * P + j] : NULL, ch + h * VL);
                transform_input(&t[h][0][j], P, column[h], 1);
            }
        for (int i = 0; i < points.rows; i++) {
            char *to = v.to + i * P * v.step + ch / TILE_TERMS * STEP_OF_ROWS;
            transform_input(column[0], 1, t[0][i], 1);
            transform_input(column[1], 1, t[1][i], 1);
            UNROLLED_FOR(j, P - 1)
                put_limbs(to + j * v.step, column[0][j], column[1][j]);
            if (points.cols == P)
                put_limbs(to + (P - 1) * v.step, column[0][P - 1], column[1][P - 1]);
        }
    }
}

static void read_limbs(const application *all, const reel_winograd_tile *tile, float *v,
                       int64_t row)
{
    const reel_winograd_plan *p = all->p;
    const limbs_to to = {row_of_tiles(v, row, limb_steps(p)), p->v_step * (int64_t)sizeof(float)};
    const void *pixel[P * P];
    tile_pixels(all->in, tile, P, pixel);
    if (all->in->bf16)
        tile_to_limbs(true, false, tile, pixel, p->ic, to);
    else if (tile->tall && tile->wide)
        tile_to_limbs(false, true, tile, pixel, p->ic, to);
    else
        tile_to_limbs(false, false, tile, pixel, p->ic, to);
}

/* M = V U of one point: the columns [0, width) of M. */
typedef struct point_product {
    place_range tiles; /* those of the group that have the point */
    const char *v, *u; /* u: of the first columns */
    float *m;
    int64_t width;
} point_product;

/* Whole tiles of 16 rows: rows that have no such point are of no account. Meanwhile the next rows
 * of V are brought nearer. */
static void multiply_point(const reel_winograd_plan *p, const point_product *w)
{
    const int64_t steps = limb_steps(p), below = steps * STEP_OF_ROWS;
    const int64_t begin = w->tiles.skip / TILE_ROWS,
                  end = (w->tiles.skip + w->tiles.count + TILE_ROWS - 1) / TILE_ROWS;
    const int64_t panels = (w->width + NR - 1) / NR, turns = panels * steps;
    const int64_t lines = (2 * below / 64 + turns - 1) / turns;
    for (int64_t r = begin; r < end && w->tiles.count > 0; r += 2)
        for (int64_t c = 0; c < panels; c++) {
            const char *v = w->v + r * below, *u = w->u + c * steps * STEP_BYTES;
            const limb_block j = {.steps = steps,
                                  .a = v,
                                  .a_next = below,
                                  .b = u,
                                  .b_step = STEP_BYTES,
                                  .b_next = COLUMN_BYTES,
                                  .c = w->m + r * TILE_ROWS * p->oc + c * NR,
                                  .c_row = p->oc,
                                  .add = false,
                                  .then_a = c + 1 < panels ? v : v + 2 * below,
                                  .then_b = c + 1 < panels ? u + steps * STEP_BYTES : w->u,
                                  .ahead = {v + 2 * below + c * steps * lines * 64, lines}};
            limb_blocks[r + 1 < end][w->width - c * NR > TILE_COLS](&j);
        }
}

/* y = A^T M A of one tile, which is row `row` of M. */
static void write_product(const application *all, const reel_winograd_tile *tile, const float *m,
                          int64_t row)
{
    const reel_winograd_plan *p = all->p;
    const tile_points points = {m + row * p->oc, p->m_step, p->oc};
    tile_output(5, all->out, tile, points, all->end);
}

/* Into how many parts a point's panels are dealt. Results do not depend on it. */
static int64_t parts_of_point(int64_t panels, int threads)
{
    enum { MANY = 8 };
    return threads <= MANY ? 1 : least(panels, (threads + MANY - 1) / MANY);
}

/* U of all points, V and M of a group. */
typedef struct group_room {
    const float *u;
    float *v, *m;
} group_room;

/* Each thread takes points, whose U stays in its cache. */
static void apply_group(const application *all, int64_t g, int threads, group_room room)
{
    const reel_winograd_plan *p = all->p;
    const int64_t panels = (p->oc + NR - 1) / NR, parts = parts_of_point(panels, threads);
    const int64_t first = reel_winograd_group_begins(p, g);
    const int64_t count = reel_winograd_group_begins(p, g + 1) - first;
#pragma omp for schedule(static)
    for (int64_t t = 0; t < count; t++) {
        const reel_winograd_tile tile = reel_winograd_tile_at(p, first + t);
        read_limbs(all, &tile, room.v, t);
    }
#pragma omp for schedule(dynamic, 1)
    for (int64_t item = 0; item < REEL_WINOGRAD_PRODUCTS * parts; item++) {
        const int64_t q = item / parts, part = item % parts;
        const int64_t begin = panels * part / parts * NR,
                      end = least(panels * (part + 1) / parts * NR, p->oc);
        multiply_point(p, &(point_product){.tiles = tiles_with(p, q, first, count),
                                           .v = (const char *)(room.v + q * p->v_step),
                                           .u = (const char *)(room.u + q * p->u_step) +
                                                begin / NR * limb_steps(p) * STEP_BYTES,
                                           .m = room.m + q * p->m_step + begin,
                                           .width = end - begin});
    }
#pragma omp for schedule(static)
    for (int64_t t = 0; t < count; t++) {
        const reel_winograd_tile tile = reel_winograd_tile_at(p, first + t);
        write_product(all, &tile, room.m, t);
    }
}

static void apply_in_limbs(const application *all, int threads, float *scratch)
{
    const reel_winograd_plan *p = all->p;
    float *u = scratch, *v = u + p->u_floats;
#pragma omp parallel num_threads(threads)
    {
        tiles_begin();
        all_limbs(all, u);
        for (int64_t g = 0; g < p->groups; g++)
            apply_group(all, g, threads,
                        (group_room){u, v, v + REEL_WINOGRAD_PRODUCTS * p->v_step});
        tiles_end();
    }
}

#endif
