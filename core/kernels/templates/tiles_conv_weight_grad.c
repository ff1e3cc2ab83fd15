/* The weight gradient of a convolution by tiles of bf16:
 *
 *   dw^T (c, o) of a tap = sum over positions of x (position + tap, c) dy (position, o)
 *
 * A thread takes a rectangle of input and output channels, and some units at a time. It transposes
 * their x, so that a row holds the positions of a channel: another tap is then only another place
 * in the row. It makes words of pairs of positions of dy, with zeros where a position is no output
 * pixel. For 32 x 32 channels and a tap, the sums pass through registers over all positions of the
 * units, and wait in scratch for the next ones: one chain in the order of images and positions. */
#include "core/kernels/templates/names.h"

#ifdef REEL_TILES

#include "core/kernels/templates/tiles_conv.h"

#include <omp.h>

enum { SIDE = REEL_TILES_SIDE, BLOCK_FLOATS = SIDE * SIDE, QUARTER = TILE_ROWS * TILE_COLS };

/* Channels [o, o_end) of dy and [c, c_end) of x. x: those of the groups of [o, o_end). */
typedef struct weight_share {
    const reel_conv_job *job;
    const reel_tiles_plan *p;
    int64_t o, o_end, c, c_end;
    int64_t first, end; /* units */
    reel_bf16 *copy;
    char *x, *dy;
    float *sums; /* blocks of 32 x 32, of output blocks, of input blocks of their group, of taps */
} weight_share;

/* ---- operands ---- */

/* Numbers of two pixels, in words: 16 channels. */
KERNEL_INLINE __m512i pair_words(const reel_bf16 *first, const reel_bf16 *second)
{
    const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)first)),
                  high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)second));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

/* 32 pixels of 16 channels, c numbers apart. */
KERNEL_INLINE void pairs_to_tile(const reel_bf16 *from, int64_t c, char *to)
{
    for (int i = 0; i < TILE_ROWS; i++, from += 2 * c)
        _mm512_store_si512(to + i * TILE_ROW_BYTES, pair_words(from, from + c));
}

static lines_of unit_lines(const reel_tiles_plan *p, int64_t unit)
{
    const int64_t band = unit % p->bands;
    return (lines_of){.image = unit / p->bands,
                      .first = band * p->lines,
                      .lines = reel_tiles_lines(p, band),
                      .pitch = p->pitch,
                      .pixels = p->row};
}

/* x^T of a unit: a row of p->row positions for each channel. */
static void transpose_x(const weight_share *w, int64_t unit, char *x)
{
    const reel_tiles_plan *p = w->p;
    const channels_of m = {&p->in, w->job->x, w->job->x_bf16, w->c, w->c_end - w->c};
    lines_of at = unit_lines(p, unit);
    at.first -= p->in.top;
    at.lines += p->kh - 1;
    at.pixels = p->pixels;
    copy_map_lines(&m, &at, w->copy);

    char pairs[TILE_BYTES] __attribute__((aligned(64))),
        rows[TILE_BYTES] __attribute__((aligned(64)));
    const int64_t row_bytes = p->row * (int64_t)sizeof(reel_bf16);
    for (int64_t at_pixel = 0; at_pixel < p->row; at_pixel += SIDE)
        for (int64_t c = 0; c < m.count; c += TILE_ROWS) {
            char *to = x + c * row_bytes + at_pixel * (int64_t)sizeof(reel_bf16);
            pairs_to_tile(w->copy + at_pixel * m.count + c, m.count, pairs);
            transpose_tile(pairs, rows);
            for (int i = 0; i < TILE_ROWS; i++)
                memcpy(to + i * row_bytes, rows + i * TILE_ROW_BYTES, TILE_ROW_BYTES);
        }
}

static int64_t steps_of_unit(const reel_tiles_plan *p, int64_t unit)
{
    return (reel_tiles_positions(p, reel_tiles_lines(p, unit % p->bands)) + SIDE - 1) / SIDE;
}

/* For 32 output channels, two tiles of B for each 32 positions. */
static void pair_dy(const weight_share *w, int64_t unit, char *dy)
{
    const reel_tiles_plan *p = w->p;
    const channels_of m = {&p->out, w->job->dy, w->job->dy_bf16, w->o, w->o_end - w->o};
    const int64_t steps = steps_of_unit(p, unit);
    lines_of at = unit_lines(p, unit);
    at.pixels = most(steps * SIDE, at.lines * p->pitch);
    copy_map_lines(&m, &at, w->copy);
    for (int64_t o = 0; o < m.count; o += TILE_COLS)
        for (int64_t s = 0; s < steps; s++)
            pairs_to_tile(w->copy + s * SIDE * m.count + o, m.count,
                          dy + (o / SIDE * steps + s) * REEL_TILES_BLOCK_BYTES +
                              o % SIDE / TILE_COLS * TILE_BYTES);
}

/* ---- sums ---- */

/* A tap of 32 x 32 channels. */
typedef struct position_sum {
    const char *x, *dy; /* of the first unit; the others x_bytes and dy_bytes apart */
    int64_t o;          /* of the share: block */
    float *sums;
    const float *next; /* sums that are wanted soon */
} position_sum;

static void sum_positions(const weight_share *w, const position_sum *j)
{
    const reel_tiles_plan *p = w->p;
    const int64_t row = p->row * (int64_t)sizeof(reel_bf16);
    const char *soon = (const char *)j->next;
    const int64_t all = (w->end - w->first) * steps_of_unit(p, w->first);
    const int64_t lines = (BLOCK_FLOATS / VL + all - 1) / all;
    if (w->first == 0) {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
    } else {
        TILE_LOAD(0, j->sums, TILE_ROW_BYTES);
        TILE_LOAD(1, j->sums + QUARTER, TILE_ROW_BYTES);
        TILE_LOAD(2, j->sums + 2 * QUARTER, TILE_ROW_BYTES);
        TILE_LOAD(3, j->sums + 3 * QUARTER, TILE_ROW_BYTES);
    }
    for (int64_t unit = w->first; unit < w->end; unit++) {
        const int64_t steps = steps_of_unit(p, unit);
        const char *a = j->x + (unit - w->first) * (int64_t)p->x_bytes;
        const char *b = j->dy + (unit - w->first) * (int64_t)p->dy_bytes +
                        j->o * steps * REEL_TILES_BLOCK_BYTES;
        for (int64_t s = 0; s < steps; s++, a += TILE_ROW_BYTES, b += REEL_TILES_BLOCK_BYTES) {
            TILE_LOAD(4, a, row);
            TILE_LOAD(6, b, TILE_ROW_BYTES);
            TILE_MULTIPLY(0, 4, 6);
            TILE_LOAD(7, b + TILE_BYTES, TILE_ROW_BYTES);
            TILE_MULTIPLY(1, 4, 7);
            TILE_LOAD(5, a + TILE_ROWS * row, row);
            TILE_MULTIPLY(2, 5, 6);
            TILE_MULTIPLY(3, 5, 7);
            for (int64_t i = 0; i < lines; i++, soon += 64)
                __builtin_prefetch(soon, 1, 3);
        }
    }
    TILE_STORE(0, j->sums, TILE_ROW_BYTES);
    TILE_STORE(1, j->sums + QUARTER, TILE_ROW_BYTES);
    TILE_STORE(2, j->sums + 2 * QUARTER, TILE_ROW_BYTES);
    TILE_STORE(3, j->sums + 3 * QUARTER, TILE_ROW_BYTES);
}

/* Where the sums of 32 output channels of a tap begin; c: of their group. */
static float *sums_of(const weight_share *w, int64_t o, int64_t c, int64_t tap)
{
    const int64_t slices = w->p->in.c / w->p->groups / SIDE, taps = w->p->kh * w->p->kw;
    return w->sums + ((o / SIDE * slices + c / SIDE) * taps + tap) * BLOCK_FLOATS;
}

/* The input channels of the group of o which the share has: [c, c_end) of all. */
typedef struct channel_range {
    int64_t c, c_end, group;
} channel_range;

static channel_range inputs_of(const weight_share *w, int64_t o)
{
    const reel_tiles_plan *p = w->p;
    const int64_t ic = p->in.c / p->groups, group = o / (p->out.c / p->groups) * ic;
    return (channel_range){most(w->c, group), least(w->c_end, group + ic), group};
}

static void sum_units(const weight_share *w)
{
    const reel_tiles_plan *p = w->p;
    for (int64_t unit = w->first; unit < w->end; unit++) {
        transpose_x(w, unit, w->x + (unit - w->first) * (int64_t)p->x_bytes);
        pair_dy(w, unit, w->dy + (unit - w->first) * (int64_t)p->dy_bytes);
    }
    const int64_t taps = p->kh * p->kw, half = (int64_t)sizeof(reel_bf16);
    for (int64_t o = w->o; o < w->o_end; o += SIDE) {
        const channel_range in = inputs_of(w, o);
        for (int64_t c = in.c; c < in.c_end; c += SIDE)
            for (int64_t tap = 0; tap < taps; tap++) {
                const int64_t shift = tap / p->kw * p->pitch + tap % p->kw;
                float *sums = sums_of(w, o, c - in.group, tap);
                const position_sum j = {.x = w->x + ((c - w->c) * p->row + shift) * half,
                                        .dy = w->dy,
                                        .o = (o - w->o) / SIDE,
                                        .sums = sums,
                                        .next = sums + BLOCK_FLOATS};
                sum_positions(w, &j);
            }
    }
}

/* ---- results ---- */

/* A quarter of a block: 16 input channels of 16 output channels. */
static void write_quarter(const float *sums, bool add, float *dw, int64_t ld)
{
    char rows[TILE_BYTES] __attribute__((aligned(64)));
    transpose_tile((const char *)sums, rows);
    for (int i = 0; i < TILE_ROWS; i++, dw += ld) {
        const vec v = load((const float *)(rows + i * TILE_ROW_BYTES));
        store(dw, add ? load(dw) + v : v);
    }
}

static void write_weights(const weight_share *w)
{
    const int64_t ic = w->p->in.c / w->p->groups, taps = w->p->kh * w->p->kw, ld = taps * ic;
    const bool add = w->job->accumulate;
    for (int64_t o = w->o; o < w->o_end; o += SIDE) {
        const channel_range in = inputs_of(w, o);
        for (int64_t c = in.c; c < in.c_end; c += SIDE)
            for (int64_t tap = 0; tap < taps; tap++) {
                const float *sums = sums_of(w, o, c - in.group, tap);
                float *dw = (float *)w->job->out + o * ld + tap * ic + c - in.group;
                for (int q = 0; q < 4; q++)
                    write_quarter(sums + q * QUARTER, add,
                                  dw + q % 2 * TILE_COLS * ld + q / 2 * TILE_ROWS, ld);
            }
    }
}

/* Share number `i`, without units. */
static weight_share weight_share_of(const reel_conv_job *job, const reel_tiles_plan *p, int64_t i)
{
    const int64_t rows = p->out.c / SIDE, cols = p->in.c / SIDE;
    const int64_t row = i / p->share_c, col = i % p->share_c;
    const int64_t oc = p->out.c / p->groups, ic = p->in.c / p->groups;
    weight_share w = {.job = job, .p = p, .sums = job->scratch};
    w.o = rows * row / p->share_o * SIDE;
    w.o_end = rows * (row + 1) / p->share_o * SIDE;
    w.c = cols * col / p->share_c * SIDE;
    w.c_end = cols * (col + 1) / p->share_c * SIDE;
    if (p->groups > 1) {
        w.c = w.o / oc * ic;
        w.c_end = ((w.o_end - 1) / oc + 1) * ic;
    }
    return w;
}

void REEL_ISA_FN(reel_tiles_conv_weight_grad)(const reel_conv_job *job, int threads)
{
    const reel_tiles_plan p = reel_tiles_plan_weight_grad(job->s, threads);
    char *own = (char *)job->scratch + p.sum_bytes;
#pragma omp parallel num_threads(threads)
    {
        tiles_begin();
#pragma omp for schedule(static, 1)
        for (int64_t i = 0; i < p.share_o * p.share_c; i++) {
            weight_share w = weight_share_of(job, &p, i);
            w.copy = (reel_bf16 *)(own + (size_t)omp_get_thread_num() * p.own_bytes);
            w.x = (char *)w.copy + p.copy_bytes;
            w.dy = w.x + (size_t)p.together * p.x_bytes;
            for (w.first = 0; w.first < p.units; w.first = w.end) {
                w.end = least(w.first + p.together, p.units);
                sum_units(&w);
            }
            write_weights(&w);
        }
        tiles_end();
    }
}

#endif
