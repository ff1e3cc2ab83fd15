/* The convolution over few tiles: see few_tiles.h.
 *
 * 1. All threads transform the input into V: 36 matrices, input channels x tiles.
 * 2. Each thread has output channels of its own. Of these it takes a block, and of the input
 *    channels a slice: it transforms their weights into U and adds 36 products U V to M. Meanwhile
 *    it asks for the weights of the next block.
 * 3. It transforms M back, adds bias, applies ReLU, and writes its channels of y.
 *
 * Maps have channels side by side, V and M have tiles side by side: steps 1 and 3 transpose squares
 * of VL x VL numbers. */
#include "core/kernels/few_tiles.h"
#include "core/kernels/templates/few_tiles_transform.h"
#include "core/kernels/templates/names.h"
#include "core/kernels/templates/winograd_tile.h"

enum { SIDE = REEL_FEW_TILES_SIDE, Q = REEL_FEW_TILES_POINTS, QQ = REEL_FEW_TILES_PRODUCTS };

typedef struct few_job {
    const reel_few_tiles_plan *p;
    const map *in, *out;
    const float *w, *bias; /* of the group; bias may be NULL */
    bool relu;
    float *v;
} few_job;

/* Lane vectors come in panels of two, the last may be one: V and M hold a panel's rows, then the
 * next panel's. Row 0 of lane vector j of a matrix with so many rows: */
KERNEL_INLINE float *lane_vector(float *matrix, int64_t j, int64_t rows, int64_t lanes,
                                 int64_t *width)
{
    const int64_t panel = j * VL / NR;
    *width = least(lanes - panel * NR, NR);
    return matrix + panel * NR * rows + j * VL % NR;
}

KERNEL_INLINE reel_winograd_tile few_tile_at(const reel_few_tiles_plan *p, int64_t tile)
{
    const int64_t image = tile / (p->rows * p->cols);
    const int64_t row = tile / p->cols % p->rows, col = tile % p->cols;
    return (reel_winograd_tile){image, row * SIDE, col * SIDE, true, true};
}

/* ---- 1: input ---- */

/* B^T d B of one tile, VL channels: point q goes to t[q VL]. */
KERNEL_INLINE void few_tile_input(const void *const *pixel, int64_t channel, vec *t)
{
    vec d[Q][Q], column[Q];
    for (int j = 0; j < Q; j++) {
        UNROLLED_FOR(i, Q)
            column[i] = load_pixel(false, pixel[i * Q + j], channel);
        few_input(&d[0][j], Q, column, 1);
    }
    for (int i = 0; i < Q; i++)
        few_input(t + i * Q * VL, VL, d[i], 1);
}

/* Lane vector j of V, channels [first, last). */
static void few_lanes_input(const few_job *f, int64_t j, int64_t first, int64_t last)
{
    const reel_few_tiles_plan *p = f->p;
    const void *pixel[VL][QQ] = {{NULL}};
    vec t[QQ][VL];
    int64_t width;
    float *to = lane_vector(f->v, j, p->ic, p->lanes, &width);

    for (int l = 0; l < VL; l++)
        if (j * VL + l < p->tiles) {
            const reel_winograd_tile tile = few_tile_at(p, j * VL + l);
            tile_pixels(f->in, &tile, Q, pixel[l]);
        }

    for (int64_t k = first; k < last; k += VL) {
        for (int l = 0; l < VL; l++)
            few_tile_input(pixel[l], k, &t[0][l]);
        for (int q = 0; q < QQ; q++) {
            transpose_lanes(t[q]);
            UNROLLED_FOR(l, VL)
                store(to + q * p->v_step + (k + l) * width, t[q][l]);
        }
    }
}

/* ---- 2: products ---- */

enum {
    BLOCK = REEL_FEW_TILES_BLOCK,
    DEPTH = REEL_FEW_TILES_DEPTH,
    /* Rows of accumulators in registers, of one vector and of two. */
    ROWS_1 = 16,
    ROWS_2 = REEL_BLOCK_ROWS > 6 ? 8 : 4
};

/* BLOCK output channels from `first`, of a thread's own; input channels [k, k + depth). */
typedef struct few_block {
    int64_t first, k, depth;
} few_block;

/* U of a block: row o, channel k of point q at u[q u_step + o DEPTH + k]. w: its weights. */
static void few_weights(const reel_few_tiles_plan *p, int64_t depth, const float *w, float *u)
{
    for (int64_t o = 0; o < BLOCK; o++)
        for (int64_t k = 0; k < depth; k += VL) {
            vec t[Q][3], column[Q];
            for (int x = 0; x < 3; x++) {
                UNROLLED_FOR(y, 3)
                    column[y] = load(w + (o * 9 + y * 3 + x) * p->ic + k);
                few_kernel(&t[0][x], 3, column, 1);
            }
            for (int y = 0; y < Q; y++) {
                few_kernel(column, 1, t[y], 1);
                UNROLLED_FOR(x, Q)
                    store(u + (y * Q + x) * p->u_step + o * DEPTH + k, column[x]);
            }
        }
}

/* Asks for part q of 36 of a block's weights: BLOCK x 9 stretches of `depth` floats, ic apart. */
KERNEL_INLINE void few_ask(const float *w, int64_t depth, int64_t ic, int64_t q)
{
    enum { LINE = 16, PART = BLOCK * 9 / QQ };
    for (int64_t i = PART * q; i < PART * (q + 1); i++)
        for (int64_t k = 0; k < depth; k += LINE)
            __builtin_prefetch(w + i * ic + k, 0, 2);
}

/* M = U V or M += U V: `rows` rows of U, DEPTH floats apart, and `cols` vectors of lanes. The
 * distance is a constant, or every row would need a register for its address. */
KERNEL_INLINE void few_product(const float *u, const float *v, float *m, const few_block *b,
                               const int rows, const int cols)
{
    vec s[ROWS_1][2];
    UNROLLED_FOR(i, rows)
        UNROLLED_FOR(t, cols)
            s[i][t] = (vec){0};

    for (int64_t k = 0; k < b->depth; k++, u++, v += cols * VL) {
        vec lanes[2];
        UNROLLED_FOR(t, cols)
            lanes[t] = load(v + t * VL);
        UNROLLED_FOR(i, rows) {
            const vec weight = broadcast(u[i * DEPTH]);
            UNROLLED_FOR(t, cols)
                s[i][t] = muladd(weight, lanes[t], s[i][t]);
        }
    }

    UNROLLED_FOR(i, rows)
        UNROLLED_FOR(t, cols) {
            float *to = m + (i * cols + t) * VL;
            store(to, b->k > 0 ? load(to) + s[i][t] : s[i][t]);
        }
}

/* M += U V for one block of output channels and one panel. */
static void few_panel(const float *u, const float *v, float *m, int64_t width, const few_block *b)
{
    if (width == VL)
        few_product(u, v, m, b, ROWS_1, 1);
    else
        for (int64_t o = 0; o < BLOCK; o += ROWS_2)
            few_product(u + o * DEPTH, v, m + o * NR, b, ROWS_2, 2);
}

/* All 36 products of a block; w_next: the weights of the next block, `depth` input channels. */
static void few_products(const few_job *f, const few_block *b, const float *w_next, int64_t depth,
                         float *own)
{
    const reel_few_tiles_plan *p = f->p;
    const float *u = own;
    float *m = own + QQ * p->u_step;
    for (int64_t q = 0; q < QQ; q++) {
        few_ask(w_next, depth, p->ic, q);
        for (int64_t lane = 0; lane < p->lanes; lane += NR) {
            const int64_t width = least(p->lanes - lane, NR);
            few_panel(u + q * p->u_step, f->v + q * p->v_step + lane * p->ic + b->k * width,
                      m + q * p->m_step + lane * p->own + b->first * width, width, b);
        }
    }
}

/* Blocks come slice by slice of the input channels, whose part of V then stays in the cache. */
static few_block few_block_at(const reel_few_tiles_plan *p, int64_t channels, int64_t index)
{
    const int64_t blocks = channels / BLOCK, k = index / blocks * DEPTH;
    return (few_block){index % blocks * BLOCK, k, least(p->ic - k, DEPTH)};
}

static void few_all_products(const few_job *f, int64_t begin, int64_t channels, float *own)
{
    const reel_few_tiles_plan *p = f->p;
    const int64_t all = channels / BLOCK * ((p->ic + DEPTH - 1) / DEPTH);
    const float *w = f->w + begin * 9 * p->ic;
    for (int64_t i = 0; i < all; i++) {
        const few_block b = few_block_at(p, channels, i),
                        next = few_block_at(p, channels, i + 1 < all ? i + 1 : i);
        few_weights(p, b.depth, w + b.first * 9 * p->ic + b.k, own);
        few_products(f, &b, w + next.first * 9 * p->ic + next.k, next.depth, own);
    }
}

/* ---- 3: output ---- */

/* Where the tiles of a lane vector go: first pixels; height 0: no tile. */
typedef struct few_places {
    float *pixel[VL];
    int64_t height[VL], width[VL];
} few_places;

static void few_places_of(const few_job *f, int64_t j, few_places *places)
{
    const reel_few_tiles_plan *p = f->p;
    const map *y = f->out;
    for (int l = 0; l < VL; l++) {
        const reel_winograd_tile tile = few_tile_at(p, j * VL + l);
        places->pixel[l] =
            (float *)y->data + ((tile.image * y->h + tile.top) * y->w + tile.left) * y->c;
        places->height[l] = j * VL + l < p->tiles ? least(y->h - tile.top, SIDE) : 0;
        places->width[l] = least(y->w - tile.left, SIDE);
    }
}

/* Lane vector j of VL output channels from `channel`; m: their first row of M. */
static void few_lanes_output(const few_job *f, const few_places *places, const float *m,
                             int64_t width, int64_t channel)
{
    const reel_few_tiles_plan *p = f->p;
    vec z[SIDE * SIDE][VL];
    for (int o = 0; o < VL; o++, m += width) {
        const vec bias = broadcast(f->bias ? f->bias[channel + o] : 0);
        vec t[SIDE][Q], column[Q];
        for (int j = 0; j < Q; j++) {
            UNROLLED_FOR(i, Q)
                column[i] = load(m + (i * Q + j) * p->m_step);
            few_output(&t[0][j], Q, column, 1);
        }
        for (int i = 0; i < SIDE; i++) {
            few_output(column, 1, t[i], 1);
            UNROLLED_FOR(j, SIDE)
                z[i * SIDE + j][o] = f->relu ? rectified(column[j] + bias) : column[j] + bias;
        }
    }

    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            transpose_lanes(z[i * SIDE + j]);
            for (int l = 0; l < VL; l++)
                if (i < places->height[l] && j < places->width[l])
                    store(places->pixel[l] + (i * f->out->w + j) * f->out->c + channel,
                          z[i * SIDE + j][l]);
        }
}

static void few_output_all(const few_job *f, int64_t begin, int64_t channels, float *m)
{
    const reel_few_tiles_plan *p = f->p;
    for (int64_t j = 0; j * VL < p->tiles; j++) {
        few_places places;
        int64_t width;
        few_places_of(f, j, &places);
        const float *rows = lane_vector(m, j, p->own, p->lanes, &width);
        for (int64_t o = 0; o < channels; o += VL)
            few_lanes_output(f, &places, rows + o * width, width, begin + o);
    }
}

/* ---- all of it ---- */

/* The share of a thread; every share has its scratch, whichever thread takes it. */
static void few_share(const few_job *f, int64_t share, int64_t shares, float *private)
{
    const reel_few_tiles_plan *p = f->p;
    const int64_t blocks = p->oc / BLOCK, begin = blocks * share / shares * BLOCK,
                  end = blocks * (share + 1) / shares * BLOCK;
    float *own = private + (size_t)share * p->private_floats;
    if (begin == end)
        return;
    few_all_products(f, begin, end - begin, own);
    few_output_all(f, begin, end - begin, own + QQ * p->u_step);
}

static void few_tiles_group(const few_job *f, int threads, float *private)
{
    enum { SLICE = 16 };
    const int64_t slices = f->p->ic / SLICE, vectors = f->p->lanes / VL;
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t item = 0; item < vectors * slices; item++) {
            const int64_t first = item % slices * SLICE;
            few_lanes_input(f, item / slices, first, first + SLICE);
        }
#pragma omp for schedule(static)
        for (int64_t share = 0; share < threads; share++)
            few_share(f, share, threads, private);
    }
}

void REEL_ISA_FN(reel_few_tiles_forward)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_few_tiles_plan p = reel_few_tiles_plan_of(s, threads);
    const float *x = job->x, *w = job->w, *bias = job->bias;
    float *y = job->out, *v = job->scratch;
    for (int64_t g = 0; g < s->groups; g++) {
        const map in = {x + g * p.ic, false, s->h, s->w, s->c, -s->ph, -s->pw, 1, 1};
        const map out = {y + g * p.oc, false, s->oh, s->ow, s->oc, 0, 0, 1, 1};
        const few_job f = {.p = &p,
                           .in = &in,
                           .out = &out,
                           .w = w + g * p.oc * 9 * p.ic,
                           .bias = bias ? bias + g * p.oc : NULL,
                           .relu = job->relu,
                           .v = v};
        few_tiles_group(&f, threads, v + p.v_floats);
    }
}
