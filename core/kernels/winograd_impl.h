/* The three passes of the Winograd convolution, for template use: an ISA's file defines VL, MR and WINOGRAD_NAME(f), then
 * includes this. Plain C over GCC's vector types, so that one text serves every instruction set.
 *
 * apply (forward, input gradient): a group of tiles is transformed into V (49 matrices, tiles x channels); for each panel of
 * 2 VL output channels, V times the panel's transformed weights U gives M, which stays in a core's second-level cache and is
 * transformed back at once. Where U is small every thread takes groups of its own, V in its cache too; else U would be read
 * from memory for every few tiles, so all threads share a larger group and deal out its panels.
 * Weight gradient: all threads transform a group of tiles of x and dy, then share out the 49 products, which add up over groups
 * in a fixed order; the sum comes back from the transformed domain once, at the end.
 *
 * Products ask for the operands of the next one as they go (product.h): they come from memory that another core or an earlier
 * phase wrote, in stretches too short for a hardware prefetcher; that halves the time of conv3-5. */
#include <omp.h>
#include <string.h>

#include "core/kernels/winograd.h"

typedef float real;

#include "core/kernels/vector.h"

#include "core/kernels/product.h"
#include "core/kernels/winograd_transform.h"

enum { NR = 2 * VL, P = REEL_WINOGRAD_POINTS };

/* An image map as tiles see it. */
typedef struct map {
    const float *data;
    int64_t h, w, c;   /* c: floats from pixel to pixel */
    int64_t top, left; /* origin of tile (0, 0) */
    int64_t step;      /* pixels from tile to tile */
    int64_t rows, cols;
} map;

/* Addresses of a tile's pixels, row by row; pixels outside the map read zeros. */
WINOGRAD_INLINE void tile_pixels(const map *x, int64_t tile, int64_t size, const float **pixel)
{
    const int64_t col = tile % x->cols, row = tile / x->cols % x->rows, image = tile / x->cols / x->rows;
    const int64_t top = x->top + row * x->step, left = x->left + col * x->step;
    const float *base = x->data + image * x->h * x->w * x->c;
    for (int64_t i = 0; i < size; i++)
        for (int64_t j = 0; j < size; j++) {
            const int64_t y = top + i, z = left + j;
            const bool inside = y >= 0 && y < x->h && z >= 0 && z < x->w;
            pixel[i * size + j] = inside ? base + (y * x->w + z) * x->c : NULL;
        }
}

WINOGRAD_INLINE vec load_pixel(const float *pixel, int64_t channel)
{
    return pixel ? load(pixel + channel) : (vec){0};
}

/* V = B^T d B of one tile. Channel block b of point q goes to v + q step + b block. */
static void tile_input(const map *x, int64_t tile, int64_t channels, float *v, int64_t step, int64_t block)
{
    const float *pixel[P * P];
    vec t[P][P], column[P];
    tile_pixels(x, tile, P, pixel);
    for (int64_t ch = 0; ch < channels; ch += VL, v += block) {
        for (int j = 0; j < P; j++) {
#pragma GCC unroll 7
            for (int i = 0; i < P; i++) column[i] = load_pixel(pixel[i * P + j], ch);
            transform_input(&t[0][j], P, column, 1);
        }
        for (int i = 0; i < P; i++) {
            transform_input(column, 1, t[i], 1);
#pragma GCC unroll 7
            for (int j = 0; j < P; j++) store(v + (i * P + j) * step, column[j]);
        }
    }
}

/* G d G^T of one size x size tile (3 or 5): the "kernel" of the weight gradient is a tile of dy. */
WINOGRAD_INLINE void tile_gradient(const int size, const map *x, int64_t tile, int64_t channels, float *v, int64_t step)
{
    const float *pixel[25];
    vec t[P][5], column[P];
    tile_pixels(x, tile, size, pixel);
    for (int64_t ch = 0; ch < channels; ch += VL, v += VL) {
        for (int j = 0; j < size; j++) {
            for (int i = 0; i < size; i++) column[i] = load_pixel(pixel[i * size + j], ch);
            transform_kernel(size, &t[0][j], 5, column, 1);
        }
        for (int i = 0; i < P; i++) {
            transform_kernel(size, column, 1, t[i], 1);
#pragma GCC unroll 7
            for (int j = 0; j < P; j++) store(v + (i * P + j) * step, column[j]);
        }
    }
}

/* Weights of one group as the pass reads them: element (o, i, ky, kx) = w[o so + i si + (ky r + kx) sk], taps reversed or not.
 */
typedef struct weights {
    const float *w;
    int64_t so, si, sk;
    bool reversed;
} weights;

/* U = G w G^T for VL output channels from o and one input channel; point q goes to u + q step. */
WINOGRAD_INLINE void tile_weights(const int r, const weights *w, int64_t o, int64_t i, float *u, int64_t step)
{
    vec t[P][5], column[P];
    const float *base = w->w + o * w->so + i * w->si;
    for (int x = 0; x < r; x++) {
        for (int y = 0; y < r; y++) {
            const float *tap = base + (w->reversed ? (r - 1 - y) * r + r - 1 - x : y * r + x) * w->sk;
            float lane[VL];
            if (w->so != 1)
                for (int l = 0; l < VL; l++) lane[l] = tap[l * w->so];
            column[y] = load(w->so == 1 ? tap : lane);
        }
        transform_kernel(r, &t[0][x], 5, column, 1);
    }
    for (int y = 0; y < P; y++) {
        transform_kernel(r, column, 1, t[y], 1);
        for (int x = 0; x < P; x++) store(u + (y * P + x) * step, column[x]);
    }
}

/* U of one panel of NR output channels (the last may be VL wide): point q at u + q p->u_step, ic x width. */
static void panel_weights(const reel_winograd_plan *p, const weights *w, int64_t panel, int64_t first, int64_t last, float *u)
{
    const int64_t width = p->oc - panel * NR < NR ? VL : NR;
    for (int64_t o = 0; o < width; o += VL)
        for (int64_t i = first; i < last; i++)
            if (p->r == 3)
                tile_weights(3, w, panel * NR + o, i, u + i * width + o, p->u_step);
            else
                tile_weights(5, w, panel * NR + o, i, u + i * width + o, p->u_step);
}

/* What happens to a result on its way to memory. */
typedef struct finish {
    const float *bias; /* or NULL */
    bool relu, accumulate;
} finish;

/* max(v, 0); NaN stays NaN. */
WINOGRAD_INLINE vec rectified(vec v)
{
    typedef __typeof__(v < v) mask;
    return (vec)((mask)v & ~(v < (vec){0}));
}

/* y = A^T M A of one tile, finished, clipped to the map. */
WINOGRAD_INLINE void tile_output(const int m, const map *y, int64_t tile, int64_t channels, const float *q, int64_t step,
                                 const finish *f)
{
    vec t[5][P], column[P];
    const int64_t col = tile % y->cols, row = tile / y->cols % y->rows, image = tile / y->cols / y->rows;
    const int64_t top = row * m, left = col * m;
    const int64_t height = y->h - top < m ? y->h - top : m, width = y->w - left < m ? y->w - left : m;
    float *base = (float *)y->data + ((image * y->h + top) * y->w + left) * y->c;
    for (int64_t ch = 0; ch < channels; ch += VL, q += VL) {
        for (int j = 0; j < P; j++) {
#pragma GCC unroll 7
            for (int i = 0; i < P; i++) column[i] = load(q + (i * P + j) * step);
            transform_output(m, &t[0][j], P, column, 1);
        }
        const vec b = f->bias ? load(f->bias + ch) : (vec){0};
        for (int i = 0; i < height; i++) {
            transform_output(m, column, 1, t[i], 1);
            float *to = base + i * y->w * y->c + ch;
            for (int j = 0; j < width; j++, to += y->c) {
                const vec sum = f->accumulate ? load(to) + column[j] : column[j] + b;
                store(to, f->relu ? rectified(sum) : sum);
            }
        }
    }
}

/* What `depth` of `all` terms of a sum, from the k-th on, bring nearer. */
WINOGRAD_INLINE wanted terms_of(const wanted *w, int64_t k, int64_t depth, int64_t all)
{
    const int64_t begin = w->reals * k / all;
    return (wanted){w->from + begin, w->reals * (k + depth) / all - begin};
}

/* One panel of output channels for `rows` tiles of a group: 49 products and the way back. */
static void apply_panel(const reel_winograd_plan *p, int64_t panel, int64_t rows, const float *v, const float *u,
                        float *products, const map *out, int64_t tile, const finish *f)
{
    const int64_t width = p->oc - panel * NR < NR ? VL : NR;
    for (int q = 0; q < REEL_WINOGRAD_PRODUCTS; q++) {
        const float *a = v + q * p->v_step, *b = u + q * p->u_step;
        const bool more = q + 1 < REEL_WINOGRAD_PRODUCTS;
        const wanted next[3] = {{b + p->u_step, more ? p->ic * width : 0}, {NULL, 0}, {a + p->v_step, more ? rows * p->ic : 0}};
        float *c = products + q * p->m_step;
        for (int64_t k = 0; k < p->ic; k += p->depth) {
            const int64_t depth = p->ic - k < p->depth ? p->ic - k : p->depth;
            const wanted part[3] = {terms_of(&next[0], k, depth, p->ic), next[1], terms_of(&next[2], k, depth, p->ic)};
            product_panel_ahead(rows, width, depth, a + k, p->ic, 1, b + k * width, c, width, k > 0, part);
        }
    }
    const finish here = {f->bias ? f->bias + panel * NR : NULL, f->relu, f->accumulate};
    map part = *out;
    part.data += panel * NR;
    for (int64_t t = 0; t < rows; t++)
        if (p->m == 5)
            tile_output(5, &part, tile + t, width, products + t * width, p->m_step, &here);
        else
            tile_output(3, &part, tile + t, width, products + t * width, p->m_step, &here);
}

/* Where the weights of a panel begin: those of 32 channels lie together, whatever the width of a panel. */
WINOGRAD_INLINE float *panel_of(const reel_winograd_plan *p, float *u, int64_t panel)
{
    enum { TOGETHER = 32 };
    return u + panel * NR / TOGETHER * (REEL_WINOGRAD_PRODUCTS * p->u_step) + panel * NR % TOGETHER * p->ic;
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

/* Forward, or the input gradient with the roles of the maps exchanged, for one group of channels. */
static void apply(const reel_winograd_plan *p, int threads, const map *in, const map *out, const weights *w, const finish *f,
                  float *scratch)
{
    const int64_t panels = (p->oc + NR - 1) / NR, groups = (p->tiles + p->group - 1) / p->group;
    const int64_t parts = panels % threads == 0 || panels >= 4 * threads ? 1 : threads; /* of a group's tiles */
    /* Each panel's weights are used by one thread, once: it transforms them itself. */
    const bool once = p->shared && groups == 1 && parts == 1;
    float *u = scratch, *shared = u + p->u_floats, *own = shared + p->shared_floats;
#pragma omp parallel num_threads(threads)
    {
        float *products = own + (size_t)omp_get_thread_num() * p->private_floats;
        float *v = p->shared ? shared : products + REEL_WINOGRAD_PRODUCTS * p->m_step;
        if (!once) all_weights(p, w, u);
        for (int64_t g = 0; g < groups && p->shared; g++) {
            const int64_t first = p->tiles * g / groups, tiles = p->tiles * (g + 1) / groups - first;
#pragma omp for schedule(static)
            for (int64_t t = 0; t < tiles; t++) tile_input(in, first + t, p->ic, v + t * p->ic, p->v_step, VL);
#pragma omp for schedule(static)
            for (int64_t item = 0; item < panels * parts; item++) {
                const int64_t panel = item / parts, row = tiles * (item % parts) / parts;
                const int64_t rows = tiles * (item % parts + 1) / parts - row;
                if (once) panel_weights(p, w, panel, 0, p->ic, panel_of(p, u, panel));
                apply_panel(p, panel, rows, v + row * p->ic, panel_of(p, u, panel), products, out, first + row, f);
            }
        }
        if (!p->shared) {
#pragma omp for schedule(static)
            for (int64_t g = 0; g < groups; g++) {
                const int64_t first = p->tiles * g / groups, tiles = p->tiles * (g + 1) / groups - first;
                for (int64_t t = 0; t < tiles; t++) tile_input(in, first + t, p->ic, v + t * p->ic, p->v_step, VL);
                for (int64_t panel = 0; panel < panels; panel++)
                    apply_panel(p, panel, tiles, v, panel_of(p, u, panel), products, out, first, f);
            }
        }
    }
}

void WINOGRAD_NAME(forward)(const reel_winograd_job *job)
{
    const reel_conv_shape *s = job->s;
    const reel_winograd_plan p = reel_winograd_plan_apply(s, false);
    for (int64_t g = 0; g < s->groups; g++) {
        const map in = {job->x + g * p.ic, s->h, s->w, s->c, -s->ph, -s->pw, p.m, p.rows, p.cols};
        const map out = {job->y + g * p.oc, s->oh, s->ow, s->oc, 0, 0, p.m, p.rows, p.cols};
        const weights w = {job->w + g * p.oc * p.r * p.r * p.ic, p.r * p.r * p.ic, 1, p.ic, false};
        const finish f = {.bias = job->bias ? job->bias + g * p.oc : NULL, .relu = job->relu};
        apply(&p, job->threads, &in, &out, &w, &f, job->scratch);
    }
}

void WINOGRAD_NAME(input_grad)(const reel_winograd_job *job)
{
    const reel_conv_shape *s = job->s;
    const reel_winograd_plan p = reel_winograd_plan_apply(s, true);
    for (int64_t g = 0; g < s->groups; g++) {
        const map in = {job->dy + g * p.ic, s->oh, s->ow, s->oc, s->ph - p.r + 1, s->pw - p.r + 1, p.m, p.rows, p.cols};
        const map out = {job->dx + g * p.oc, s->h, s->w, s->c, 0, 0, p.m, p.rows, p.cols};
        const weights w = {job->w + g * p.ic * p.r * p.r * p.oc, 1, p.r * p.r * p.oc, p.oc, true};
        const finish f = {.accumulate = job->accumulate};
        apply(&p, job->threads, &in, &out, &w, &f, job->scratch);
    }
}

/* dw = A^T S A for one output channel and VL input channels. */
WINOGRAD_INLINE void tile_weight_grad(const int r, const float *sum, int64_t step, float *dw, int64_t channels, bool accumulate)
{
    vec t[5][P], column[P];
    for (int j = 0; j < P; j++) {
        for (int i = 0; i < P; i++) column[i] = load(sum + (i * P + j) * step);
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

/* One product of the weight gradient: sums of point q over a group's tiles, for one panel of input channels. D is read k-major
 * as it lies; its next point is asked for a share a panel. */
static void weight_grad_product(const reel_winograd_plan *p, int64_t item, int64_t tiles, const float *v, const float *d,
                                float *sums, bool add)
{
    const int64_t panels = (p->ic + NR - 1) / NR, q = item / panels, panel = item % panels;
    const int64_t width = p->ic - panel * NR < NR ? VL : NR, share = tiles * p->oc / panels;
    const bool more = q + 1 < REEL_WINOGRAD_PRODUCTS, last = panel + 1 == panels;
    const float *a = d + q * p->m_step, *b = v + q * p->v_step + panel * NR * tiles;
    float *c = sums + q * p->u_step + panel * NR * p->oc;
    const wanted next[3] = {{last ? v + (q + 1) * p->v_step : b + NR * tiles, !last || more ? tiles * NR : 0},
                            {last ? sums + (q + 1) * p->u_step : c + NR * p->oc, add && (!last || more) ? p->oc * NR : 0},
                            {a + p->m_step + panel * share, more ? share : 0}};
    product_panel_ahead(p->oc, width, tiles, a, 1, p->oc, b, c, width, add, next);
}

static void weight_grad(const reel_winograd_plan *p, int threads, const map *x, const map *dy, float *dw, bool accumulate,
                        float *scratch)
{
    float *v = scratch + p->u_floats, *d = v + REEL_WINOGRAD_PRODUCTS * p->v_step;
    const int64_t panels = (p->ic + NR - 1) / NR;
#pragma omp parallel num_threads(threads)
    for (int64_t first = 0; first < p->tiles; first += p->group) {
        const int64_t tiles = first + p->group < p->tiles ? p->group : p->tiles - first;
#pragma omp for schedule(static)
        for (int64_t t = 0; t < tiles; t++) {
            /* V in panels of NR channels, tiles x NR each; a last half panel is tiles x VL. */
            for (int64_t c = 0; c < p->ic; c += NR) {
                const int64_t width = p->ic - c < NR ? VL : NR;
                map part = *x;
                part.data += c;
                tile_input(&part, first + t, width, v + c * tiles + t * width, p->v_step, VL);
            }
            if (p->m == 5)
                tile_gradient(5, dy, first + t, p->oc, d + t * p->oc, p->m_step);
            else
                tile_gradient(3, dy, first + t, p->oc, d + t * p->oc, p->m_step);
        }
#pragma omp for schedule(static)
        for (int64_t item = 0; item < REEL_WINOGRAD_PRODUCTS * panels; item++)
            weight_grad_product(p, item, tiles, v, d, scratch, first > 0);
    }
    const int64_t taps = p->r * p->r;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t o = 0; o < p->oc; o++)
        for (int64_t c = 0; c < p->ic; c += VL) {
            const int64_t width = p->ic - c / NR * NR < NR ? VL : NR;
            const float *sum = scratch + c / NR * NR * p->oc + o * width + c % NR;
            if (p->r == 3)
                tile_weight_grad(3, sum, p->u_step, dw + o * taps * p->ic + c, p->ic, accumulate);
            else
                tile_weight_grad(5, sum, p->u_step, dw + o * taps * p->ic + c, p->ic, accumulate);
        }
}

void WINOGRAD_NAME(weight_grad)(const reel_winograd_job *job)
{
    const reel_conv_shape *s = job->s;
    const reel_winograd_plan p = reel_winograd_plan_weight_grad(s);
    for (int64_t g = 0; g < s->groups; g++) {
        const map x = {job->x + g * p.ic, s->h, s->w, s->c, -s->ph, -s->pw, p.m, p.rows, p.cols};
        const map dy = {job->dy + g * p.oc, s->oh, s->ow, s->oc, 0, 0, p.m, p.rows, p.cols};
        weight_grad(&p, job->threads, &x, &dy, job->dw + g * p.oc * p.r * p.r * p.ic, job->accumulate, job->scratch);
    }
}
