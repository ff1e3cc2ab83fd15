/* The weight gradient by Winograd: all threads transform a group of tiles of x and dy, then share
 * out the 49 products, which add up over groups in a fixed order; the sum comes back from the
 * transformed domain once, at the end. */
#include "core/kernels/templates/names.h"
#include "core/kernels/templates/product.h"
#include "core/kernels/templates/winograd_tile.h"
#ifdef REEL_TILES
#include "core/kernels/templates/winograd_weight_limbs.h"
enum { HAS_TILES = true };
#else
enum { HAS_TILES = false };
#endif

#include <omp.h>

#include <string.h>

/* dw = A^T S A for one output channel and VL input channels. */
KERNEL_INLINE void tile_weight_grad(const int r, const float *sum, int64_t step, float *dw,
                                    int64_t channels, bool accumulate)
{
    vec t[5][P], column[P];
    for (int j = 0; j < P; j++) {
        for (int i = 0; i < P; i++)
            column[i] = load(sum + (i * P + j) * step);
        transform_output(r, &t[0][j], P, column, 1);
    }
    for (int i = 0; i < r; i++) {
        transform_output(r, column, 1, t[i], 1);
        for (int j = 0; j < r; j++) {
            float *to = dw + (i * r + j) * channels;
            store(to, accumulate ? load(to) + column[j] : column[j]);
        }
    }
}

/* A group of tiles and its points: V of x in panels of NR channels (the last may be narrower), tile
 * after tile in each; D of dy tile after tile. */
typedef struct tile_group {
    int64_t first, tiles;
    float *v, *d;
} tile_group;

/* What the next product wants: its V, the sums that it adds to, and a share of the next point's D.
 */
static void wanted_next(const reel_winograd_plan *p, int64_t item, const tile_group *group,
                        float *sums, wanted next[3])
{
    const int64_t wide = SET * NR, sets = (p->ic + wide - 1) / wide, share = group->tiles * p->oc;
    const int64_t q = (item + 1) / sets, first = (item + 1) % sets * wide;
    const int64_t width = q < REEL_WINOGRAD_PRODUCTS ? least(wide, p->ic - first) : 0;
    next[0] = (wanted){group->v + q * p->v_step + first * group->tiles, width * group->tiles};
    next[1] = (wanted){sums + q * p->u_step + first * p->oc, group->first > 0 ? width * p->oc : 0};
    next[2] = (wanted){group->d + (item / sets + 1) * p->m_step + item % sets * share / sets,
                       item / sets + 1 < REEL_WINOGRAD_PRODUCTS ? share / sets : 0};
}

/* One product of the weight gradient: the sums of a point for a set of panels of input channels,
 * over the tiles of the group that have the point. D is read k-major as it lies. */
static void weight_grad_product(const reel_winograd_plan *p, int64_t item, const tile_group *group,
                                float *sums)
{
    const int64_t wide = SET * NR, sets = (p->ic + wide - 1) / wide, q = item / sets;
    const int64_t first = item % sets * wide, end = least(first + wide, p->ic);
    const place_range tiles = tiles_with(p, q, group->first, group->tiles);
    float *to = sums + q * p->u_step;
    if (tiles.count == 0 && group->first == 0) /* the sums of a point begin here, or stay 0 */
        memset(to + first * p->oc, 0, (size_t)((end - first) * p->oc) * sizeof(float));
    if (tiles.count == 0)
        return;

    const bool pair = end - first == 2 * NR;
    wanted next[3];
    wanted_next(p, item, group, sums, next);
    for (int64_t i = first; i < end; i += pair ? wide : NR) {
        const int64_t width = least(NR, p->ic - i);
        const block_product j = {.k = tiles.count,
                                 .a = group->d + q * p->m_step + tiles.skip * p->oc,
                                 .a_row = 1,
                                 .a_step = p->oc,
                                 .b = group->v + q * p->v_step + i * group->tiles +
                                      tiles.skip * width,
                                 .ldb = width,
                                 .b_next = NR * group->tiles,
                                 .c = to + i * p->oc,
                                 .ldc = width,
                                 .c_next = NR * p->oc,
                                 .add = group->first > 0};
        product_panels(&j, p->oc, pair ? wide : width, next);
    }
}

/* All sums of a point, by tiles of bf16. room: the thread's own. */
static void weight_grad_point(const reel_winograd_plan *p, int64_t q, const tile_group *group,
                              float *sums, float *room)
{
#ifdef REEL_TILES
    const place_range tiles = tiles_with(p, q, group->first, group->tiles);
    const sum_range sum = {tiles.count, (tiles.count + TILE_TERMS - 1) / TILE_TERMS};
    const float *d = group->d + q * p->m_step + tiles.skip * p->oc, *v = group->v + q * p->v_step;
    char *a = (char *)room, *b = a + p->oc / TILE_ROWS * sum.steps * STEP_OF_ROWS;
    float *to = sums + q * p->u_step;
    if (tiles.count == 0 && group->first == 0)
        memset(to, 0, (size_t)(p->ic * p->oc) * sizeof(float));
    if (tiles.count == 0)
        return;

    rows_to_limbs(d, p->oc, sum, a);
    for (int64_t i = 0; i < p->ic; i += NR) {
        const int64_t width = least(NR, p->ic - i);
        columns_to_limbs(v + i * group->tiles + tiles.skip * width, width, sum,
                         b + i / NR * 2 * sum.steps * STEP_OF_ROWS);
    }
    multiply_limbs(&(weight_product){p->oc, p->ic, sum.steps, a, b, to, group->first > 0});
#else
    (void)p, (void)q, (void)group, (void)sums, (void)room;
#endif
}

/* D = G d G^T of a tile of dy, m x m (3 or 5): the "kernel" of the weight gradient. */
KERNEL_INLINE void tile_gradient(const int m, const bool bf16, const reel_winograd_tile *tile,
                                 const void *const *pixel, int64_t channels, points_to d)
{
    vec t[P][5], column[P];
    for (int64_t ch = 0; ch < channels; ch += VL) {
        for (int j = 0; j < m; j++) {
            for (int i = 0; i < m; i++)
                column[i] = load_pixel(bf16, pixel[i * m + j], ch);
            transform_kernel(m, &t[0][j], 5, column, 1);
        }
        for (int i = 0; i < P - 1 + tile->tall; i++) {
            transform_kernel(m, column, 1, t[i], 1);
            if (tile->wide)
                store_points(P, d, i, ch, column);
            else
                store_points(P - 1, d, i, ch, column);
        }
    }
}

/* The pixels from channel c on. */
KERNEL_INLINE void pixels_from(const map *x, const void *const *pixel, int count, int64_t c,
                               const void **from)
{
    for (int i = 0; i < count; i++)
        from[i] = pixel[i] ? numbers_from(x, pixel[i], c) : NULL;
}

/* Tile t of the group, x and dy, to its points. */
static void transform_tile(const reel_winograd_plan *p, const map *x, const map *dy,
                           tile_group group, int64_t t)
{
    const reel_winograd_tile tile = reel_winograd_tile_at(p, group.first + t);
    const void *pixel[P * P], *from[P * P];
    tile_pixels(x, &tile, P, pixel);
    for (int64_t c = 0; c < p->ic; c += NR) {
        const int64_t width = least(NR, p->ic - c);
        pixels_from(x, pixel, P * P, c, from);
        tile_input(x->bf16, &tile, from, width,
                   (points_to){group.v + c * group.tiles + t * width, p->v_step});
    }

    const points_to d = {group.d + t * p->oc, p->m_step};
    tile_pixels(dy, &tile, (int)p->m, pixel);
    if (p->m == 5)
        tile_gradient(5, dy->bf16, &tile, pixel, p->oc, d);
    else
        tile_gradient(3, dy->bf16, &tile, pixel, p->oc, d);
}

/* The complete sums back from the transformed domain. */
static void write_weights(const reel_winograd_plan *p, int threads, float *dw, bool accumulate,
                          const float *sums)
{
    const int64_t taps = p->r * p->r;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t o = 0; o < p->oc; o++)
        for (int64_t c = 0; c < p->ic; c += VL) {
            const int64_t width = p->ic - c / NR * NR < NR ? VL : NR;
            const float *sum = sums + c / NR * NR * p->oc + o * width + c % NR;
            float *to = dw + o * taps * p->all + c;
            if (p->r == 3)
                tile_weight_grad(3, sum, p->u_step, to, p->all, accumulate);
            else
                tile_weight_grad(5, sum, p->u_step, to, p->all, accumulate);
        }
}

static void sums_begin(const reel_winograd_plan *p)
{
#ifdef REEL_TILES
    if (p->in_limbs)
        tiles_begin();
#else
    (void)p;
#endif
}

static void sums_end(const reel_winograd_plan *p)
{
#ifdef REEL_TILES
    if (p->in_limbs)
        tiles_end();
#else
    (void)p;
#endif
}

/* Fills `sums` with the weight gradient in the transformed domain, group of tiles after group. */
static void sum_products(const reel_winograd_plan *p, int threads, const map *x, const map *dy,
                         float *sums)
{
    float *v = sums + p->u_floats, *d = v + REEL_WINOGRAD_PRODUCTS * p->v_step;
    float *rooms = v + p->shared_floats;
    const int64_t sets = p->in_limbs ? 1 : (p->ic + SET * NR - 1) / (SET * NR);
#pragma omp parallel num_threads(threads)
    {
        float *room = rooms + (size_t)omp_get_thread_num() * p->private_floats;
        sums_begin(p);
        for (int64_t first = 0; first < p->tiles; first += p->group) {
            const tile_group group = {first, least(p->group, p->tiles - first), v, d};
#pragma omp for schedule(static)
            for (int64_t t = 0; t < group.tiles; t++)
                transform_tile(p, x, dy, group, t);
#pragma omp for schedule(static)
            for (int64_t item = 0; item < REEL_WINOGRAD_PRODUCTS * sets; item++)
                if (p->in_limbs)
                    weight_grad_point(p, item, &group, sums, room);
                else
                    weight_grad_product(p, item, &group, sums);
        }
        sums_end(p);
    }
}

void REEL_ISA_FN(reel_winograd_weight_grad)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    reel_winograd_plan p = reel_winograd_plan_weight_grad(s, HAS_TILES);
    float *dw = job->out;
    const map x = {job->x, job->x_bf16, s->h, s->w, s->c, -s->ph, -s->pw, s->dh, s->dw};
    const map dy = {job->dy, job->dy_bf16, s->oh, s->ow, s->oc, 0, 0, s->dh, s->dw};
    const int64_t part = p.ic, row = p.r * p.r * p.all;
    for (int64_t i = 0; i < s->c; i += p.ic) {
        const int64_t g = i / p.all, first = i % p.all;
        p.ic = least(part, p.all - first);
        const map in = channels_from(&x, i), out = channels_from(&dy, g * p.oc);
        sum_products(&p, threads, &in, &out, job->scratch);
        write_weights(&p, threads, dw + g * p.oc * row + first, job->accumulate, job->scratch);
    }
}
