/* The polyphase Winograd convolution, forward.
 *
 * A thread takes a group of tile rows of one image: V, its 49 matrices of tiles x phase channels,
 * stays in the core's caches, and so do the products of V with the weights U of one panel of output
 * channels, which are transformed back at once. U is read from the second-level cache: each
 * product asks for that of the next, for its share of the image that the next group reads, and of
 * the lines that this one will write: that takes less time than to write them past the caches. */
#include "core/kernels/templates/names.h"
#include "core/kernels/templates/polyphase_input.h"
#define PHASE_NEAR false
#include "core/kernels/templates/polyphase_product.h"

#include <omp.h>

/* A forward pass. */
typedef struct phase_forward {
    const reel_conv_job *job;
    const reel_polyphase_plan *p;
    const float *u;
} phase_forward;

/* ---- weights ---- */

/* U = G w G^T of phase channel k and the VL output channels from o. */
KERNEL_INLINE void phase_weights(const int r, const phase_forward *f, int64_t k, int64_t o,
                                 float *u)
{
    const reel_conv_shape *s = f->job->s;
    const int64_t each = s->kh * s->kw * s->c;
    const float *w = (const float *)f->job->w + o * each;
    vec t[P][5], column[P];

    for (int x = 0; x < r; x++) {
        for (int y = 0; y < r; y++) {
            const int64_t tap = tap_of(s, f->p, k, y, x);
            float lane[VL] = {0};
            for (int l = 0; l < VL && tap >= 0; l++)
                lane[l] = w[l * each + tap];
            column[y] = load(lane);
        }
        transform_kernel(r, &t[0][x], 5, column, 1);
    }

    float *to = u + weight_at(s, f->p, k, o);
    for (int i = 0; i < P; i++) {
        transform_kernel(r, column, 1, t[i], 1);
        for (int j = 0; j < P; j++)
            store(to + (i * P + j) * f->p->u_step, column[j]);
    }
}

static void phase_weights_all(const phase_forward *f, float *u)
{
    const int64_t vectors = f->job->s->oc / VL;
#pragma omp for schedule(static)
    for (int64_t item = 0; item < f->p->depth * vectors; item++) {
        const int64_t k = item / vectors, o = item % vectors * VL;
        switch (f->p->r) {
        case 2:
            phase_weights(2, f, k, o, u);
            break;
        case 3:
            phase_weights(3, f, k, o, u);
            break;
        case 4:
            phase_weights(4, f, k, o, u);
            break;
        default:
            phase_weights(5, f, k, o, u);
        }
    }
}

/* ---- results ---- */

/* A tile of the image at y, one panel of output channels from o. */
typedef struct phase_tile {
    float *y;
    int64_t row, col, o, width;
} phase_tile;

/* y = A^T M A of a tile; point q of M at q f->p->d_step. What lies beyond the map is left out. */
KERNEL_INLINE void phase_output(const int m, const phase_forward *f, const phase_tile *tile,
                                const float *products)
{
    const reel_conv_shape *s = f->job->s;
    const float *bias = f->job->bias;
    const int64_t top = tile->row * m, left = tile->col * m, width = tile->width;
    const int64_t height = least(s->oh - top, m), across = least(s->ow - left, m),
                  step = f->p->d_step;
    const int64_t oc = s->oc, line = s->ow * oc;
    const bool relu = f->job->relu;
    vec t[6][P], column[P];

    for (int64_t c = 0; c < width; c += VL) {
        for (int j = 0; j < P; j++) {
            UNROLLED_FOR(i, P) {
                const float *from = products + (i * P + j) * step + c;
                column[i] = load(from);
                if (c % CACHE_LINE == 0)
                    __builtin_prefetch(from + width, 0, 3); /* the next tile's */
            }
            transform_output(m, &t[0][j], P, column, 1);
        }

        const vec b = bias ? load(bias + tile->o + c) : (vec){0};
        float *to = tile->y + top * line + left * oc + tile->o + c;
        for (int i = 0; i < height; i++, to += line) {
            transform_output(m, column, 1, t[i], 1);
            UNROLLED_FOR(j, m)
                if (j < across)
                    store(to + j * oc, relu ? rectified(column[j] + b) : column[j] + b);
        }
    }
}

static void phase_outputs(const phase_forward *f, phase_group at, int64_t o, const float *products)
{
    const reel_conv_shape *s = f->job->s;
    const int64_t width = phase_panel_width(s, o);
    float *y = (float *)f->job->out + at.image * s->oh * s->ow * s->oc;
    for (int64_t row = at.first; row < at.first + at.rows; row++)
        for (int64_t col = 0; col < f->p->cols; col++, products += width) {
            const phase_tile tile = {y, row, col, o, width};
            switch (f->p->m) {
            case 3:
                phase_output(3, f, &tile, products);
                break;
            case 4:
                phase_output(4, f, &tile, products);
                break;
            case 5:
                phase_output(5, f, &tile, products);
                break;
            default:
                phase_output(6, f, &tile, products);
            }
        }
}

/* What a group writes of y: its rows of tiles may reach beyond the map. */
static rows_ahead outputs_ahead(const phase_forward *f, phase_group at, int64_t blocks)
{
    const reel_conv_shape *s = f->job->s;
    const int64_t line = s->ow * s->oc, top = at.first * f->p->m;
    return rows_ahead_of(f->job->out, s->n * s->oh * line, (at.image * s->oh + top) * line,
                         least(at.rows * f->p->m, s->oh - top) * line, blocks);
}

/* ---- products ---- */

/* M = V U, point by point, for one panel of output channels. */
static void phase_products(const phase_forward *f, phase_group at, int64_t o, const float *v,
                           float *products, rows_ahead *ahead)
{
    const reel_polyphase_plan *p = f->p;
    const int64_t width = phase_panel_width(f->job->s, o), rows = at.rows * p->cols;
    for (int q = 0; q < REEL_WINOGRAD_PRODUCTS; q++) {
        const float *u = f->u + q * p->u_step + o * p->depth;
        phase_product j = {.k = p->depth,
                           .a = v + q * p->v_step,
                           .a_row = p->v_row,
                           .b = u,
                           .c = products + q * p->d_step,
                           .ldc = width,
                           .next = u + p->u_step,
                           .ahead = {&ahead[0], &ahead[1]}};
        phase_panel(&j, rows, width);
    }
}

void REEL_ISA_FN(reel_polyphase_forward)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_polyphase_plan p = reel_polyphase_plan_of(s, REEL_CONV_FORWARD);
    float *u = job->scratch;
    const phase_forward f = {job, &p, u};
    const int64_t groups = s->n * p.groups, several = (groups + 8 * threads - 1) / (8 * threads);

#pragma omp parallel num_threads(threads)
    {
        float *lines = u + p.shared + omp_get_thread_num() * p.private,
              *columns = lines + p.lines * p.line, *v = columns + 2 * p.line,
              *products = v + REEL_WINOGRAD_PRODUCTS * p.v_step;
        phase_ring ring = phase_ring_new(s, &p, lines);
        phase_weights_all(&f, u);

        /* Groups of an image that one thread takes one after the other share rows of phases. A
         * core that others use, too, takes fewer. */
#pragma omp for schedule(dynamic, several)
        for (int64_t item = 0; item < groups; item++) {
            const phase_group at = phase_group_at(&p, item);
            phase_ring_fill(&ring, job->x, at.image, at.first, at.rows);
            transform_phases(&ring, 0, PAIRS, at, columns, v);
            const int64_t blocks =
                REEL_WINOGRAD_PRODUCTS * blocks_of(at.rows * p.cols) * phase_panels(s);
            rows_ahead ahead[2] = {image_ahead(s, &p, job->x, at.image, at.first + at.rows, blocks),
                                   outputs_ahead(&f, at, blocks)};
            for (int64_t o = 0; o < s->oc; o += phase_panel_step(s)) {
                phase_products(&f, at, o, v, products, ahead);
                phase_outputs(&f, at, o, products);
            }
        }
    }
}
