/* The weight gradient of the polyphase Winograd convolution.
 *
 * With V = B^T x B of a tile of phases and D = G dy G^T of the outputs it reaches, the sums over
 * all tiles S = V D, 49 matrices of phase channels x output channels, are the weights' gradient in
 * the transformed domain: dw = A^T S A. The batch is divided in parts by its shape alone, each
 * summed by itself in order, and the parts' sums are added in order. A thread works on two rows of
 * points at a time, so that their sums stay in its cache. */
#include "core/kernels/templates/names.h"
#include "core/kernels/templates/polyphase_input.h"
#define PHASE_NEAR true
#include "core/kernels/templates/polyphase_product.h"

#include <omp.h>

/* What a thread works with. */
typedef struct phase_sums {
    const reel_conv_job *job;
    const reel_polyphase_plan *p;
    phase_ring ring;
    float *columns, *v, *d, *gradient, *padding;
    rows_ahead image_ahead, gradient_ahead;
} phase_sums;

static phase_sums phase_sums_new(const reel_conv_job *job, const reel_polyphase_plan *p,
                                 float *scratch)
{
    phase_sums w = {.job = job, .p = p, .ring = phase_ring_new(job->s, p, scratch)};
    w.columns = scratch + p->lines * p->line;
    w.v = w.columns + 2 * p->line;
    w.d = w.v + 2 * P * p->v_step;
    w.gradient = w.d + 2 * P * p->d_step;
    w.padding = w.gradient + 2 * p->gradient_line;

    /* What lies beyond the map, below and on the right. */
    memset(w.gradient, 0, (size_t)(3 * p->gradient_line) * sizeof *w.gradient);
    return w;
}

/* ---- dy ---- */

/* Rows 2 pair and 2 pair + 1 of G g, for m taps. */
KERNEL_INLINE void gradient_points(const int m, const int pair, vec o[2], const vec *g)
{
    if (pair == 0)
        kernel_pair(m, pair_a, o, 1, g, 1);
    else if (pair == 1)
        kernel_pair(m, pair_b, o, 1, g, 1);
    else if (pair == 2)
        kernel_pair(m, pair_c, o, 1, g, 1);
    else
        o[0] = g[m - 1];
}

/* D = G dy G^T of one row of tiles for a pair of rows of points: down the m rows of dy first, then
 * across a tile at a time. Point (i, j) of tile t at d + (i P + j) d_step + t oc. */
KERNEL_INLINE void gradient_row(const int m, const int pair, const phase_sums *w, int64_t image,
                                int64_t row, float *d)
{
    const reel_conv_shape *s = w->job->s;
    const reel_polyphase_plan *p = w->p;
    const int64_t oc = s->oc, width = s->ow * oc, next = p->gradient_line, step = p->d_step;
    const float *dy = (const float *)w->job->dy + image * s->oh * width, *line[6];
    float *down = w->gradient;
    for (int k = 0; k < m; k++)
        line[k] = row * m + k < s->oh ? dy + (row * m + k) * width : w->padding;
    for (int64_t e = 0; e < width; e += VL) {
        vec g[6], o[2];
        UNROLLED_FOR(k, m)
            g[k] = load(line[k] + e);
        gradient_points(m, pair, o, g);
        UNROLLED_FOR(i, points_of_pair(pair))
            store(down + i * next + e, o[i]);
    }

    const int64_t cols = p->cols;
    for (int i = 0; i < points_of_pair(pair); i++, down += next, d += P * step)
        for (int64_t t = 0; t < cols; t++)
            for (int64_t c = 0; c < oc; c += VL) {
                vec g[6], o[P];
                UNROLLED_FOR(k, m)
                    g[k] = load(down + (t * m + k) * oc + c);
                transform_kernel(m, o, 1, g, 1);
                UNROLLED_FOR(j, P)
                    store(d + j * step + t * oc + c, o[j]);
            }
}

KERNEL_INLINE void gradient_row_of_pair(const int m, int pair, const phase_sums *w, int64_t image,
                                        int64_t row, float *d)
{
    switch (pair) {
    case 0:
        gradient_row(m, 0, w, image, row, d);
        break;
    case 1:
        gradient_row(m, 1, w, image, row, d);
        break;
    case 2:
        gradient_row(m, 2, w, image, row, d);
        break;
    default:
        gradient_row(m, 3, w, image, row, d);
    }
}

static void gradient_rows(const phase_sums *w, int pair, phase_group at)
{
    float *d = w->d;
    for (int64_t row = at.first; row < at.first + at.rows; row++) {
        switch (w->p->m) {
        case 3:
            gradient_row_of_pair(3, pair, w, at.image, row, d);
            break;
        case 4:
            gradient_row_of_pair(4, pair, w, at.image, row, d);
            break;
        case 5:
            gradient_row_of_pair(5, pair, w, at.image, row, d);
            break;
        default:
            gradient_row_of_pair(6, pair, w, at.image, row, d);
        }
        d += w->p->cols * w->job->s->oc;
    }
}

/* ---- sums ---- */

/* S (+)= V^T D over a group's tiles, for the points of one pair of rows. */
static void phase_sum(phase_sums *w, int pair, int64_t tiles, bool add, float *sums)
{
    const reel_polyphase_plan *p = w->p;
    const int64_t oc = w->job->s->oc;
    for (int q = 0; q < points_of_pair(pair) * P; q++)
        for (int64_t o = 0; o < oc; o += phase_panel_step(w->job->s)) {
            const int64_t width = phase_panel_width(w->job->s, o);
            phase_product j = {.k = tiles,
                               .a = w->v + q * p->v_step,
                               .a_row = 1,
                               .a_step = p->v_row,
                               .b = w->d + q * p->d_step + o,
                               .ldb = oc,
                               .c = sums + (2 * pair * P + q) * p->u_step + o * p->depth,
                               .ldc = width,
                               .add = add,
                               .ahead = {&w->image_ahead, &w->gradient_ahead}};
            phase_panel(&j, p->depth, width);
        }
}

/* The products of the pairs [begin, end) of a group will ask for what the next group reads. */
static void ask_for_next_group(phase_sums *w, phase_group at, int begin, int end)
{
    const reel_conv_shape *s = w->job->s;
    const reel_polyphase_plan *p = w->p;
    const int64_t points = least(2 * end, P) - 2 * begin;
    const int64_t blocks = points * P * phase_panels(s) * blocks_of(p->depth),
                  next = at.first + at.rows, row = s->ow * s->oc;
    w->image_ahead = image_ahead(s, p, w->job->x, at.image, next, blocks);
    w->gradient_ahead =
        rows_ahead_of(w->job->dy, s->n * s->oh * row, (at.image * s->oh + next * p->m) * row,
                      p->group * p->m * row, blocks);
}

/* The sums of the groups [first, last) of the batch, for the pairs [begin, end). */
static void sum_groups(phase_sums *w, int64_t first, int64_t last, int begin, int end, float *sums)
{
    const reel_polyphase_plan *p = w->p;
    for (int64_t item = first; item < last; item++) {
        const phase_group at = phase_group_at(p, item);
        ask_for_next_group(w, at, begin, end);
        phase_ring_fill(&w->ring, w->job->x, at.image, at.first, at.rows);
        for (int pair = begin; pair < end; pair++) {
            transform_phases(&w->ring, pair, pair + 1, at, w->columns, w->v);
            gradient_rows(w, pair, at);
            phase_sum(w, pair, at.rows * p->cols, item > first, sums);
        }
    }
}

/* ---- weights ---- */

/* The sums of all parts, in their order, into those of the first. */
static void add_parts(const reel_polyphase_plan *p, float *sums)
{
    const int64_t size = REEL_WINOGRAD_PRODUCTS * p->u_step;
#pragma omp for schedule(static)
    for (int64_t e = 0; e < size; e += VL) {
        vec sum = load(sums + e);
        for (int64_t part = 1; part < p->parts; part++)
            sum += load(sums + part * size + e);
        store(sums + e, sum);
    }
}

/* dw = A^T S A of phase channel k and the VL output channels from o. */
KERNEL_INLINE void phase_weights_back(const int r, const reel_conv_job *job,
                                      const reel_polyphase_plan *p, int64_t k, int64_t o)
{
    const reel_conv_shape *s = job->s;
    const float *sums = (const float *)job->scratch + weight_at(s, p, k, o);
    const int64_t each = s->kh * s->kw * s->c;
    vec t[5][P], column[P];
    for (int j = 0; j < P; j++) {
        for (int i = 0; i < P; i++)
            column[i] = load(sums + (i * P + j) * p->u_step);
        transform_output(r, &t[0][j], P, column, 1);
    }

    float *dw = (float *)job->out + o * each;
    for (int y = 0; y < r; y++) {
        transform_output(r, column, 1, t[y], 1);
        for (int x = 0; x < r; x++) {
            const int64_t tap = tap_of(s, p, k, y, x);
            for (int l = 0; l < VL && tap >= 0; l++) {
                float *to = dw + l * each + tap;
                *to = job->accumulate ? *to + column[x][l] : column[x][l];
            }
        }
    }
}

static void write_phase_weights(const reel_conv_job *job, const reel_polyphase_plan *p)
{
    const int64_t vectors = job->s->oc / VL;
#pragma omp for schedule(static)
    for (int64_t item = 0; item < p->depth * vectors; item++) {
        const int64_t k = item / vectors, o = item % vectors * VL;
        switch (p->r) {
        case 2:
            phase_weights_back(2, job, p, k, o);
            break;
        case 3:
            phase_weights_back(3, job, p, k, o);
            break;
        case 4:
            phase_weights_back(4, job, p, k, o);
            break;
        default:
            phase_weights_back(5, job, p, k, o);
        }
    }
}

void REEL_ISA_FN(reel_polyphase_weight_grad)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_polyphase_plan p = reel_polyphase_plan_of(s, REEL_CONV_WEIGHT_GRAD);
    const int64_t groups = s->n * p.groups;
    float *sums = job->scratch;

    /* Points are independent of each other: where threads outnumber parts, they share those out. */
    const int shares = threads > p.parts ? PAIRS : 1;

#pragma omp parallel num_threads(threads)
    {
        phase_sums w = phase_sums_new(job, &p, sums + p.shared + omp_get_thread_num() * p.private);
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < p.parts * shares; item++) {
            const int64_t part = item / shares;
            const int share = (int)(item % shares);
            sum_groups(&w, groups * part / p.parts, groups * (part + 1) / p.parts,
                       PAIRS * share / shares, PAIRS * (share + 1) / shares,
                       sums + part * REEL_WINOGRAD_PRODUCTS * p.u_step);
        }
        add_parts(&p, sums);
        write_phase_weights(job, &p);
    }
}
