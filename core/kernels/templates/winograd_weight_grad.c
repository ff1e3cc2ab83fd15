/* The weight gradient by Winograd: all threads transform a group of tiles of x and dy, then share
 * out the 49 products, which add up over groups in a fixed order; the sum comes back from the
 * transformed domain once, at the end. */
#include "core/kernels/templates/names.h"
#include "core/kernels/templates/product.h"
#include "core/kernels/templates/winograd_tile.h"

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

/* A group of tiles and its points: V of x, D of dy. */
typedef struct tile_group {
    int64_t first, tiles;
    float *v, *d;
} tile_group;

/* One product of the weight gradient: sums of point q over a group's tiles, for one panel of input
 * channels. D is read k-major as it lies; its next point is asked for a share a panel. */
static void weight_grad_product(const reel_winograd_plan *p, int64_t item, const tile_group *group,
                                float *sums)
{
    const int64_t tiles = group->tiles;
    const float *v = group->v, *d = group->d;
    const bool add = group->first > 0;
    const int64_t panels = (p->ic + NR - 1) / NR, q = item / panels, panel = item % panels;
    const int64_t width = p->ic - panel * NR < NR ? VL : NR, share = tiles * p->oc / panels;
    const bool more = q + 1 < REEL_WINOGRAD_PRODUCTS, last = panel + 1 == panels;
    const float *a = d + q * p->m_step, *b = v + q * p->v_step + panel * NR * tiles;
    float *c = sums + q * p->u_step + panel * NR * p->oc;

    /* The operands of the next product, and the sums that it adds to. */
    const wanted next[3] = {
        {last ? v + (q + 1) * p->v_step : b + NR * tiles, !last || more ? tiles * NR : 0},
        {last ? sums + (q + 1) * p->u_step : c + NR * p->oc,
         add && (!last || more) ? p->oc * NR : 0},
        {a + p->m_step + panel * share, more ? share : 0}};
    const block_product j = {.k = tiles,
                             .a = a,
                             .a_row = 1,
                             .a_step = p->oc,
                             .b = b,
                             .ldb = width,
                             .c = c,
                             .ldc = width,
                             .add = add};
    product_panel(j, p->oc, width, next);
}

/* Tile t of the group [first, first + tiles), x and dy, to all points. V lies in panels of NR
 * channels, tiles x NR each; a last half panel is tiles x VL. */
static void transform_tile(const reel_winograd_plan *p, const map *x, const map *dy,
                           tile_group group, int64_t t)
{
    for (int64_t c = 0; c < p->ic; c += NR) {
        const int64_t width = p->ic - c < NR ? VL : NR;
        const map part = channels_from(x, c);
        tile_input(&part, group.first + t, width, group.v + c * group.tiles + t * width, p->v_step);
    }
    if (p->m == 5)
        tile_gradient(5, dy, group.first + t, p->oc, group.d + t * p->oc, p->m_step);
    else
        tile_gradient(3, dy, group.first + t, p->oc, group.d + t * p->oc, p->m_step);
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

/* Fills `sums` with the weight gradient in the transformed domain, group of tiles after group. */
static void sum_products(const reel_winograd_plan *p, int threads, const map *x, const map *dy,
                         float *sums)
{
    float *v = sums + p->u_floats, *d = v + REEL_WINOGRAD_PRODUCTS * p->v_step;
    const int64_t panels = (p->ic + NR - 1) / NR;
#pragma omp parallel num_threads(threads)
    for (int64_t first = 0; first < p->tiles; first += p->group) {
        const tile_group group = {first, least(p->group, p->tiles - first), v, d};
#pragma omp for schedule(static)
        for (int64_t t = 0; t < group.tiles; t++)
            transform_tile(p, x, dy, group, t);
#pragma omp for schedule(static)
        for (int64_t item = 0; item < REEL_WINOGRAD_PRODUCTS * panels; item++)
            weight_grad_product(p, item, &group, sums);
    }
}

void REEL_ISA_FN(reel_winograd_weight_grad)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    reel_winograd_plan p = reel_winograd_plan_weight_grad(s);
    float *dw = job->out;
    const map x = {job->x, job->x_bf16, s->h, s->w, s->c, -s->ph, -s->pw, p.m, p.rows, p.cols};
    const map dy = {job->dy, job->dy_bf16, s->oh, s->ow, s->oc, 0, 0, p.m, p.rows, p.cols};
    const int64_t part = p.ic, row = p.r * p.r * p.all;
    for (int64_t i = 0; i < s->c; i += p.ic) {
        const int64_t g = i / p.all, first = i % p.all;
        p.ic = least(part, p.all - first);
        const map in = channels_from(&x, i), out = channels_from(&dy, g * p.oc);
        sum_products(&p, threads, &in, &out, job->scratch);
        write_weights(&p, threads, dw + g * p.oc * row + first, job->accumulate, job->scratch);
    }
}
