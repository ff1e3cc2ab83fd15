/* Operands of a matrix product in tiles of limbs, and its sums from and to C (tiles_matrix.h). */
#include "core/kernels/templates/tiles_matrix.h"

#ifdef REEL_TILES
#include <string.h>

enum {
    STAGE_STEPS = REEL_MATRIX_KC / TILE_TERMS, /* that are staged at a time, at most */
    STAGE_GROUPS = REEL_MATRIX_WIDE / GROUP
};

/* Numbers in memory: those of a row or column and of its next term are as the side says. */
typedef struct tile_source {
    const float *from;
    int64_t ld;
} tile_source;

/* ---- splitting ---- */

static tile_carry carry_of(tile_source s, bool along, int64_t groups, int64_t steps, char *to,
                           int64_t stride)
{
    tile_carry c = {.from = s.from, .to = to, .left = groups * steps * GROUP};
    if (along) {
        /* Runs of memory are the rows of a term: loops over groups, rows of a tile, steps. */
        c.second = GROUP * s.ld;
        c.turns[0] = groups;
        c.turns[1] = GROUP;
        c.from_move[0] = GROUP;
        c.from_move[1] = s.ld - groups * GROUP;
        c.from_move[2] = GROUP * s.ld;
        c.to_move[0] = stride;
        c.to_move[1] = TILE_ROW_BYTES - groups * stride;
        c.to_move[2] = SET_BYTES - TILE_BYTES;
    } else {
        /* Loops over steps, rows of a tile, groups. */
        c.second = GROUP;
        c.turns[0] = steps;
        c.turns[1] = GROUP;
        c.from_move[0] = TILE_TERMS;
        c.from_move[1] = s.ld - steps * TILE_TERMS;
        c.to_move[0] = SET_BYTES;
        c.to_move[1] = TILE_ROW_BYTES - steps * SET_BYTES;
        c.to_move[2] = stride - TILE_BYTES;
    }
    return c;
}

static void turn_tiles(char *tiles, int64_t count)
{
    for (int64_t t = 0; t < count; t++, tiles += TILE_BYTES)
        transpose_tile(tiles, tiles);
}

/* Whole sets of one group. */
static void split_group(const tile_side *side, tile_source s, int64_t steps, char *to)
{
    tile_carry c = carry_of(s, side->along, 1, steps, to, 0);
    split_units(&c, c.left);
    if (side->turned)
        turn_tiles(to, steps * LIMBS);
}

/* Whether terms and rows of the part are all there, in a plain matrix. */
static bool is_plain_part(const tile_side *side, int64_t at, int64_t groups, int64_t depth)
{
    return side->o->kind <= REEL_OPERAND_COLUMNS && at + groups * GROUP <= side->count &&
           depth % TILE_TERMS == 0;
}

static tile_source source_of(const tile_side *side, int64_t at, int64_t p)
{
    const reel_operand *o = side->o;
    const int64_t place = side->along ? p * o->ld + at : at * o->ld + p;
    return (tile_source){(const float *)o->data + place, o->ld};
}

/* Terms [p, p + depth) of rows whose terms lie side by side; zeros fill up whole sets. */
static void stage_rows(const tile_side *side, int64_t at, int64_t rows, operand_part terms,
                       real *stage)
{
    const int64_t there = least(rows, side->count - at);
    const int64_t whole = (terms.depth + TILE_TERMS - 1) / TILE_TERMS * TILE_TERMS;
    pack_a(side->o, (operand_part){at, there, terms.p, terms.depth}, stage);
    for (int64_t r = 0; r < there && whole > terms.depth; r++)
        memset(stage + r * LONG_LD + terms.depth, 0, (size_t)(whole - terms.depth) * sizeof *stage);
    for (int64_t r = there; r < rows; r++)
        memset(stage + r * LONG_LD, 0, (size_t)whole * sizeof *stage);
}

/* The same for a panel of NR columns, which lie side by side. */
static void stage_panel(const tile_side *side, int64_t at, operand_part terms, real *stage)
{
    const int64_t whole = (terms.depth + TILE_TERMS - 1) / TILE_TERMS * TILE_TERMS;
    pack_b(side->o, (operand_part){at, least(NR, side->count - at), terms.p, terms.depth}, stage);
    memset(stage + terms.depth * NR, 0, (size_t)((whole - terms.depth) * NR) * sizeof *stage);
}

/* Terms [p, p + depth), whole sets or less than one. */
static void pack_terms(const tile_side *side, sets_part part, operand_part terms, char *to,
                       int64_t stride, real *stage)
{
    const int64_t steps = (terms.depth + TILE_TERMS - 1) / TILE_TERMS;
    for (int64_t g = 0, some; g < part.groups; g += some) {
        const int64_t at = part.at + g * GROUP;
        char *group = to + g * stride;
        some = 1;
        if (is_plain_part(side, at, 1, terms.depth)) {
            split_group(side, source_of(side, at, terms.p), steps, group);
            continue;
        }

        /* Patches are found for many rows at once, panels have two groups. */
        some = least(side->along ? NR / GROUP : STAGE_GROUPS, part.groups - g);
        if (side->along)
            stage_panel(side, at, terms, stage);
        else
            stage_rows(side, at, some * GROUP, terms, stage);
        for (int64_t q = 0; q < some; q++) {
            const tile_source s = {stage + q * GROUP * (side->along ? 1 : LONG_LD),
                                   side->along ? NR : LONG_LD};
            split_group(side, s, steps, group + q * stride);
        }
    }
}

void pack_tiles(const tile_side *side, const tile_terms *terms, sets_part part, char *to,
                int64_t stride, real *stage)
{
    for (int64_t s = part.from, next; s < part.to; s = next) {
        const int64_t piece = s / terms->steps_of_piece, first = piece * terms->steps_of_piece;
        const int64_t in_piece = (s - first) * TILE_TERMS, left = terms->depth - in_piece;
        next = least(least(first + terms->steps_of_piece, part.to), s + STAGE_STEPS);
        operand_part some = {.p = piece * terms->depth + in_piece,
                             .depth = least((next - s) * TILE_TERMS, left)};

        /* The last step of a piece may not be whole. */
        const int64_t whole = some.depth / TILE_TERMS * TILE_TERMS;
        if (whole > 0 && whole < some.depth) {
            some.depth = whole;
            next = s + whole / TILE_TERMS;
        }
        pack_terms(side, part, some, to + (s - part.from) * SET_BYTES, stride, stage);
    }
}

tile_carry carry_tiles(const tile_side *side, const tile_terms *terms, sets_part part, char *to)
{
    const int64_t p = part.from * TILE_TERMS, steps = part.to - part.from;
    const bool whole =
        terms->steps_of_piece == terms->steps && part.to * TILE_TERMS <= terms->depth;
    if (side->turned || !whole || !is_plain_part(side, part.at, part.groups, steps * TILE_TERMS))
        return (tile_carry){0};
    tile_carry c = carry_of(source_of(side, part.at, p), side->along, part.groups, steps, to,
                            steps * SET_BYTES);
    c.ahead = side->along ? 32 * side->o->ld : 4 * side->o->ld;
    return c;
}

/* ---- C ---- */

/* Where row i of C begins, or column i where these are what vectors run along. */
static float *line_of(const tile_job *t, int64_t i)
{
    const reel_matrix_job *job = t->job;
    const reel_grid *g = job->grid;
    if (!g)
        return (float *)job->c + i * t->line;
    const int64_t x = g->x + i % g->grid_w * g->step_x;
    const int64_t y = g->y + i / g->grid_w % g->grid_h * g->step_y;
    const int64_t image = i / g->grid_w / g->grid_h;
    return (float *)job->c + ((image * g->h + y) * g->w + x) * job->c_row;
}

/* A tile's sums in C: `lines` lines from number `line` on, `width` numbers of each from `at` on. */
typedef struct tile_place {
    int64_t line, lines, at, width;
} tile_place;

static tile_place place_of(const tile_job *t, int64_t i, int64_t j)
{
    const int64_t rows = least(TILE_ROWS, t->a.count - i), cols = least(TILE_COLS, t->b.count - j);
    return t->columns ? (tile_place){j, cols, i, rows} : (tile_place){i, rows, j, cols};
}

static __mmask16 lanes(int64_t width)
{
    return (__mmask16)((1U << width) - 1);
}

static void write_lines(const tile_job *t, tile_place p, tile_end end, const __m512i v[16])
{
    const reel_matrix_job *job = t->job;
    const bool along = job->bias_by_row == (job->c_col != 1); /* a bias for each number of a line */
    const float *bias = end.last ? job->bias : NULL;
    const __mmask16 mask = lanes(p.width);
    const vec some = bias && along ? (vec)_mm512_maskz_loadu_ps(mask, bias + p.at) : (vec){0};
    for (int64_t l = 0; l < p.lines; l++) {
        float *to = line_of(t, p.line + l) + p.at;
        vec sum = (vec)v[l];
        if (end.add)
            sum = (vec)_mm512_maskz_loadu_ps(mask, to) + sum;
        if (bias)
            sum += along ? some : broadcast(bias[p.line + l]);
        if (t->past && p.width == VL)
            stream(to, sum);
        else
            _mm512_mask_storeu_ps(to, mask, (__m512)sum);
    }
}

void write_tile_sums(const tile_job *t, int64_t i, int64_t j, const float *sums, tile_end end)
{
    for (int q = 0; q < 4; q++) {
        const int64_t row = q / 2 * TILE_ROWS, column = q % 2 * TILE_COLS;
        const tile_place p = place_of(t, i + row, j + column);
        if (p.lines <= 0 || p.width <= 0)
            continue;
        __m512i v[16];
        UNROLLED_FOR(l, 16)
            v[l] = _mm512_loadu_si512(sums + (row + l) * BLOCK + column);
        if (t->columns)
            transpose_words(v);
        write_lines(t, p, end, v);
    }
}
#endif
