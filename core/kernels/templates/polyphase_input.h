/* From an image to its phases, and from those to Winograd's points, for both passes of polyphase.h.
 *
 * A phase pixel is what sh rows and sw columns of the image hold together: sh runs of sw c values,
 * copied side by side. Rows of phase pixels stay in a ring until no tile needs them any more. The
 * transform down the rows then works on whole lines, the one across on a tile at a time. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_POLYPHASE_INPUT_H
#define REEL_CORE_KERNELS_TEMPLATES_POLYPHASE_INPUT_H

#include "core/kernels/polyphase.h"
#include "core/kernels/templates/vector.h"
#include "core/kernels/templates/winograd_transform.h"
#include "core/kernels/winograd.h"

#include <stdbool.h>
#include <string.h>

enum {
    P = REEL_WINOGRAD_POINTS,
    PAIRS = (P + 1) / 2,
    CACHE_LINE = 64 / sizeof(float),
    /* Rows of the largest block in registers, and output channels of the widest panel. */
    PHASE_ROWS = WIDE_ROWS > 0 ? WIDE_ROWS : MR,
    PHASE_PANEL = WIDE_ROWS > 0 ? 2 * NR : NR
};

/* Rows of points come in pairs, p and -p; the last, infinity, is alone. */
KERNEL_INLINE int points_of_pair(int pair)
{
    return pair + 1 < PAIRS ? 2 : 1;
}

/* Tile rows [first, first + rows) of an image. */
typedef struct phase_group {
    int64_t image, first, rows;
} phase_group;

KERNEL_INLINE phase_group phase_group_at(const reel_polyphase_plan *p, int64_t item)
{
    const int64_t part = item % p->groups, first = p->rows * part / p->groups;
    return (phase_group){item / p->groups, first, p->rows * (part + 1) / p->groups - first};
}

/* Values that the products of a group ask for, a few lines a block: what the next group reads, or
 * what this one writes. */
typedef struct rows_ahead {
    const float *from, *end;
    int64_t share; /* values a block */
} rows_ahead;

/* Values [first, first + count) of the `all` values of a map, for that many blocks. */
KERNEL_INLINE rows_ahead rows_ahead_of(const float *map, int64_t all, int64_t first, int64_t count,
                                       int64_t blocks)
{
    first = least(first, all);
    count = least(count, all - first);
    const int64_t lines = (count + CACHE_LINE - 1) / CACHE_LINE;
    return (rows_ahead){map + first, map + first + count,
                        (lines + blocks - 1) / blocks * CACHE_LINE};
}

/* What the group behind tile row `row` reads of an image. */
static inline rows_ahead image_ahead(const reel_conv_shape *s, const reel_polyphase_plan *p,
                                     const float *x, int64_t image, int64_t row, int64_t blocks)
{
    const int64_t width = s->w * s->c, y = (row * p->m + p->r - 1) * s->sh - s->ph;
    return rows_ahead_of(x, s->n * s->h * width, (image * s->h + (y < 0 ? 0 : y)) * width,
                         p->group * p->m * s->sh * width, blocks);
}

/* Asks for the next block's share of them. */
KERNEL_INLINE void ask_ahead(rows_ahead *ahead)
{
    const float *end = ahead->from + least(ahead->share, ahead->end - ahead->from);
    for (; ahead->from < end; ahead->from += CACHE_LINE)
        __builtin_prefetch(ahead->from, 0, 2);
}

KERNEL_INLINE int64_t blocks_of(int64_t rows)
{
    return (rows + PHASE_ROWS - 1) / PHASE_ROWS;
}

/* Rows [next - lines, next) of an image's phase pixels, row y at data + y % lines * line. */
typedef struct phase_ring {
    const reel_conv_shape *s;
    const reel_polyphase_plan *p;
    float *data;
    int64_t image, next;
} phase_ring;

/* The unused ends of lines are transformed, too: zeros, so that no stray value slows that down. */
static inline phase_ring phase_ring_new(const reel_conv_shape *s, const reel_polyphase_plan *p,
                                        float *data)
{
    memset(data, 0, (size_t)(p->lines * p->line) * sizeof *data);
    return (phase_ring){s, p, data, -1, 0};
}

/* The sh rows of the image that make a row of phase pixels; NULL: padding, above or below. Values
 * of padding on the left. */
typedef struct phase_rows {
    const float *at[REEL_POLYPHASE_STRIDE];
    int64_t skip;
} phase_rows;

/* One run of phase pixel x where it may lie on padding: values of the image's row, or zeros. */
static inline void copy_run(const reel_conv_shape *s, const reel_polyphase_plan *p,
                            const float *row, int64_t x, float *to)
{
    const int64_t run = p->run, first = x * run - s->pw * s->c,
                  end = row ? least(s->w * s->c - first, run) : 0;
    for (int64_t e = 0; e < run; e += VL)
        store(to + e, (vec){0});
    for (int64_t e = first < 0 ? -first : 0; e < end; e++)
        to[e] = row[first + e];
}

/* Phase pixels [begin, end), whose runs lie in the image as a whole, and so do the vectors that
 * begin in them. Vectors reach over the end of a run; what belongs there is copied later. With a
 * constant number of phases, the addresses of their rows are in registers. */
KERNEL_INLINE void copy_runs(const int phases, const phase_rows *rows, int64_t begin, int64_t end,
                             int64_t run, float *to)
{
    static const float padding[REEL_POLYPHASE_STRIDE * 4 + VL];
    const float *from[REEL_POLYPHASE_STRIDE] = {NULL};
    int64_t step[REEL_POLYPHASE_STRIDE] = {0};
    UNROLLED_FOR(a, phases) {
        from[a] = rows->at[a] ? rows->at[a] + begin * run - rows->skip : padding;
        step[a] = rows->at[a] ? run : 0;
    }

    to += begin * phases * run;
    for (int64_t x = begin; x < end; x++)
        UNROLLED_FOR(a, phases) {
            for (int64_t e = 0; e < run; e += VL)
                store(to + e, load(from[a] + e));
            from[a] += step[a];
            to += run;
        }
}

static inline void copy_whole_runs(int64_t phases, const phase_rows *rows, int64_t begin,
                                   int64_t end, int64_t run, float *to)
{
    switch (phases) {
    case 1:
        copy_runs(1, rows, begin, end, run, to);
        break;
    case 2:
        copy_runs(2, rows, begin, end, run, to);
        break;
    case 3:
        copy_runs(3, rows, begin, end, run, to);
        break;
    case 4:
        copy_runs(4, rows, begin, end, run, to);
        break;
    case 5:
        copy_runs(5, rows, begin, end, run, to);
        break;
    case 6:
        copy_runs(6, rows, begin, end, run, to);
        break;
    case 7:
        copy_runs(7, rows, begin, end, run, to);
        break;
    default:
        copy_runs(REEL_POLYPHASE_STRIDE, rows, begin, end, run, to);
    }
}

/* Row y of the phase pixels of an image. */
static inline void copy_phases(const reel_conv_shape *s, const reel_polyphase_plan *p,
                               const float *image, int64_t y, float *to)
{
    const int64_t width = s->w * s->c, skip = s->pw * s->c, whole = (p->run + VL - 1) / VL * VL;
    phase_rows rows = {.skip = skip};
    for (int64_t a = 0; a < s->sh; a++) {
        const int64_t at = y * s->sh + a - s->ph;
        rows.at[a] = at >= 0 && at < s->h ? image + at * width : NULL;
    }

    const int64_t begin = least((skip + p->run - 1) / p->run, p->pixels);
    int64_t end = width + skip < whole ? 0 : (width + skip - whole) / p->run + 1;
    end = end < begin ? begin : least(end, p->pixels);
    for (int64_t x = 0; x < begin; x++)
        for (int64_t a = 0; a < s->sh; a++)
            copy_run(s, p, rows.at[a], x, to + x * p->depth + a * p->run);
    copy_whole_runs(s->sh, &rows, begin, end, p->run, to);
    for (int64_t x = end; x < p->pixels; x++)
        for (int64_t a = 0; a < s->sh; a++)
            copy_run(s, p, rows.at[a], x, to + x * p->depth + a * p->run);
}

/* Fills the ring with what the tile rows [first, first + rows) of an image read. */
static inline void phase_ring_fill(phase_ring *ring, const float *x, int64_t image, int64_t first,
                                   int64_t rows)
{
    const reel_conv_shape *s = ring->s;
    const reel_polyphase_plan *p = ring->p;
    const int64_t begin = first * p->m, end = (first + rows) * p->m + p->r - 1;
    if (ring->image != image || ring->next < begin || ring->next > end)
        ring->next = begin;
    ring->image = image;
    for (; ring->next < end; ring->next++)
        copy_phases(s, p, x + image * s->h * s->w * s->c, ring->next,
                    ring->data + ring->next % p->lines * p->line);
}

/* Rows 2 pair and 2 pair + 1 of B^T d. */
KERNEL_INLINE void input_points(const int pair, vec o[2], const vec d[P])
{
    if (pair == 0)
        input_pair(pair_a, o, 1, d, 1);
    else if (pair == 1)
        input_pair(pair_b, o, 1, d, 1);
    else if (pair == 2)
        input_pair(pair_c, o, 1, d, 1);
    else
        o[0] = input_last(d, 1);
}

/* Tiles [begin, end) of a row. */
typedef struct tile_span {
    int64_t row, begin, end;
} tile_span;

/* The transform of some tiles down their 7 lines, for one pair of points: to[i], i < 2. */
KERNEL_INLINE void phase_columns(const int pair, const phase_ring *ring, tile_span at, float *to)
{
    const reel_polyphase_plan *p = ring->p;
    const float *line[P];
    for (int k = 0; k < P; k++)
        line[k] = ring->data + (at.row * p->m + k) % p->lines * p->line;

    const int64_t begin = at.begin * p->m * p->depth, step = p->line,
                  end = (at.end * p->m + p->r - 1) * p->depth + VL;
    for (int64_t e = begin; e < end; e += VL) {
        vec d[P], o[2];
        UNROLLED_FOR(k, P)
            d[k] = load(line[k] + e);
        input_points(pair, o, d);
        UNROLLED_FOR(i, points_of_pair(pair))
            store(to + i * step + e, o[i]);
    }
}

/* The transform across tiles, from one transformed line: point j of tile t at v + j v_step +
 * t v_row. Whole vectors: what they hold beyond p->depth is never read. */
KERNEL_INLINE void phase_tiles(const reel_polyphase_plan *p, tile_span at, const float *line,
                               float *v)
{
    const int64_t depth = p->depth, step = p->v_step;
    for (int64_t t = at.begin; t < at.end; t++) {
        const float *from = line + t * p->m * depth;
        float *to = v + t * p->v_row;
        for (int64_t e = 0; e < depth; e += VL) {
            vec d[P], o[P];
            UNROLLED_FOR(k, P)
                d[k] = load(from + k * depth + e);
            transform_input(o, 1, d, 1);
            UNROLLED_FOR(j, P)
                store(to + j * step + e, o[j]);
        }
    }
}

static inline void transform_tiles(const phase_ring *ring, int pair, tile_span at, float *lines,
                                   float *v)
{
    const reel_polyphase_plan *p = ring->p;
    switch (pair) {
    case 0:
        phase_columns(0, ring, at, lines);
        break;
    case 1:
        phase_columns(1, ring, at, lines);
        break;
    case 2:
        phase_columns(2, ring, at, lines);
        break;
    default:
        phase_columns(3, ring, at, lines);
    }
    for (int i = 0; i < points_of_pair(pair); i++)
        phase_tiles(p, at, lines + i * p->line, v + i * P * p->v_step);
}

/* V = B^T d B of a group, whose lines the ring holds, for the pairs [begin, end) of rows of points:
 * point (i, j) of the first pair at v + (i P + j) v_step. `lines` is room for two. A few tiles at
 * a time go through all pairs, so that their lines are read from the first-level cache. */
static inline void transform_phases(const phase_ring *ring, int begin, int end, phase_group at,
                                    float *lines, float *v)
{
    enum { FEW = 1024 }; /* values of a line */
    const reel_polyphase_plan *p = ring->p;
    const int64_t few = FEW / (p->m * p->depth), step = few > 0 ? few : 1;
    for (int64_t row = at.first; row < at.first + at.rows; row++, v += p->cols * p->v_row)
        for (int64_t t = 0; t < p->cols; t += step) {
            const tile_span tiles = {row, t, least(t + step, p->cols)};
            for (int pair = begin; pair < end; pair++)
                transform_tiles(ring, pair, tiles, lines, v + (pair - begin) * 2 * P * p->v_step);
        }
}

KERNEL_INLINE int64_t phase_panels(const reel_conv_shape *s)
{
    return (s->oc + PHASE_PANEL - 1) / PHASE_PANEL;
}

/* Output channels are dealt out evenly over panels: from one panel to the next, and those of the
 * panel that begins at o. */
KERNEL_INLINE int64_t phase_panel_step(const reel_conv_shape *s)
{
    const int64_t panels = phase_panels(s);
    return (s->oc / VL + panels - 1) / panels * VL;
}

KERNEL_INLINE int64_t phase_panel_width(const reel_conv_shape *s, int64_t o)
{
    return least(s->oc - o, phase_panel_step(s));
}

/* Where the weights, or sums, of channel k and output channel o lie in the matrix of a point:
 * panel after panel, depth x its width each. */
KERNEL_INLINE int64_t weight_at(const reel_conv_shape *s, const reel_polyphase_plan *p, int64_t k,
                                int64_t o)
{
    const int64_t step = phase_panel_step(s), first = o / step * step;
    return first * p->depth + k * phase_panel_width(s, first) + o - first;
}

/* The kernel's tap (y, x) of phase channel k: its place in the weights of one output channel, or -1
 * behind the kernel's end. */
KERNEL_INLINE int64_t tap_of(const reel_conv_shape *s, const reel_polyphase_plan *p, int64_t k,
                             int64_t y, int64_t x)
{
    const int64_t ky = y * s->sh + k / p->run, kx = x * s->sw + k % p->run / s->c;
    return ky < s->kh && kx < s->kw ? (ky * s->kw + kx) * s->c + k % s->c : -1;
}

#endif
