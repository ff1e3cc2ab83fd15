/* The matrix product with bf16 operands and float32 sums (core/kernels/bf16.h).
 *
 * A word of 32 bits holds two terms that follow each other in the sum: the first one in its lower
 * half. Panels of B and blocks of A are packed as words, so that one multiply-add of vectors takes
 * a word of A, in all lanes, times a word of each of VL columns of B: two terms at once.
 *
 * Each thread takes chunks of rows of A and keeps their sums in its cache until they are complete;
 * B's panels are packed once, before. */
#include "core/kernels/bf16.h"
#include "core/kernels/templates/names.h"
#include "core/kernels/templates/vector_bf16.h"
#include "core/pieces.h"

#include <omp.h>
#include <string.h>

#ifdef REEL_TILES
#include "core/kernels/templates/bf16_tiles.h"
enum { ROWS = REEL_BF16_ROWS / (2 * TILE_ROWS) * (2 * TILE_ROWS) };
#else
enum { ROWS = REEL_BF16_ROWS / MR * MR };
#endif

enum {
    DEPTH = REEL_BF16_DEPTH / 2,       /* words of a block */
    ROW_WORDS = DEPTH + REEL_BF16_PAD, /* from row to row of A, where terms lie side by side */
    TERM_WORDS = REEL_BF16_ROWS + REEL_BF16_PAD /* from word to word, where rows do */
};

/* Words of a panel of B, for one piece. */
static int64_t panel_words(const reel_bf16_plan *plan)
{
#ifdef REEL_TILES
    return plan->tile_words;
#else
    return plan->piece_words;
#endif
}

#ifndef REEL_TILES
/* c + both terms of a times those of b. */
KERNEL_INLINE vec dot2(words a, words b, vec c)
{
    return (vec)ISA_DOT2((isa_real)c, a, b);
}

/* MR rows of A, word p of row i at a[i a_row + p a_step], times NR columns of B over `depth` words:
 * sums at c, or added to it. */
typedef struct bf16_block {
    int64_t depth;
    const uint32_t *a;
    int64_t a_row, a_step;
    const uint32_t *b;
    float *c;
    int64_t ldc;
    bool add;
} bf16_block;

KERNEL_INLINE void bf16_multiply_block(const bf16_block j)
{
    const uint32_t *a = j.a, *b = j.b;
    vec s[MR][2];
    UNROLLED_FOR(i, MR)
        UNROLLED_FOR(t, 2)
            s[i][t] = (vec){0};

    for (int64_t p = 0; p < j.depth; p++) {
        words bv[2];
        UNROLLED_FOR(t, 2)
            bv[t] = *(const words_unaligned *)(b + t * VL);
        UNROLLED_FOR(i, MR) {
            const words av = a[i * j.a_row] - (words){0};
            UNROLLED_FOR(t, 2)
                s[i][t] = dot2(av, bv[t], s[i][t]);
        }
        a += j.a_step;
        b += NR;
    }

    UNROLLED_FOR(i, MR)
        UNROLLED_FOR(t, 2) {
            float *to = j.c + i * j.ldc + t * VL;
            store(to, j.add ? load(to) + s[i][t] : s[i][t]);
        }
}

#endif

/* ---- packing ---- */

typedef uint16_t half_of_word __attribute__((may_alias));
typedef uint32_t word_of_halves __attribute__((may_alias, aligned(sizeof(uint16_t))));

static uint32_t bits_of(const reel_bf16_operand *o, int64_t at)
{
    return o->wide ? reel_bf16_from_float(((const float *)o->data)[at])
                   : ((const reel_bf16 *)o->data)[at];
}

/* Terms p and p + 1 of row or column i; what is beyond the last term is 0. */
static uint32_t word_of(const reel_bf16_operand *o, int64_t i, int64_t p, int64_t last)
{
    const int64_t step = o->along ? o->ld : 1, at = o->along ? p * o->ld + i : i * o->ld + p;
    return bits_of(o, at) | (p + 1 < last ? bits_of(o, at + step) << 16 : 0);
}

/* VL words: the first term of each from number `at` on, the second from `next` on. */
KERNEL_INLINE words words_along(const reel_bf16_operand *o, int64_t at, int64_t next)
{
    if (o->wide) {
        const float *from = o->data;
        return (words)isa_pair_to_words(
            isa_round_pair((isa_real)load(from + at), (isa_real)load(from + next)));
    }
    const reel_bf16 *from = o->data;
    const words first = __builtin_convertvector(*(const halves_unaligned *)(from + at), words),
                second = __builtin_convertvector(*(const halves_unaligned *)(from + next), words);
    return first | second << 16;
}

/* Words of `count` rows or columns from i on, for terms p and p + 1: they lie side by side. */
static void pack_along(const reel_bf16_operand *o, int64_t i, int64_t count, int64_t p,
                       int64_t last, uint32_t *to)
{
    int64_t t = 0;
    const int64_t at = p * o->ld + i;
    for (; t + VL <= count && p + 1 < last; t += VL)
        *(words_unaligned *)(to + t) = words_along(o, at + t, at + o->ld + t);
    for (; t < count; t++)
        to[t] = word_of(o, i + t, p, last);
}

/* Words of row i for terms [p, p + 2 words): they lie side by side already. */
static void pack_row(const reel_bf16_operand *o, int64_t i, int64_t p, int64_t count, int64_t last,
                     uint32_t *to)
{
    const int64_t at = i * o->ld + p, terms = least(2 * count, last - p), pairs = terms / 2;
    half_of_word *half = (half_of_word *)to;
    if (!o->wide) {
        memcpy(half, (const reel_bf16 *)o->data + at, (size_t)terms * sizeof *half);
    } else {
        const float *from = (const float *)o->data + at;
        int64_t t = 0;
        for (; t + 2 * VL <= terms; t += 2 * VL) {
            __builtin_prefetch(from + o->ld + t, 0, 2);
            __builtin_prefetch(from + o->ld + t + VL, 0, 2);
            *(words_unaligned *)(half + t) =
                (words)isa_round_pair((isa_real)load(from + t), (isa_real)load(from + t + VL));
        }
        for (; t < terms; t++)
            half[t] = reel_bf16_from_float(from[t]);
    }
    if (pairs < count)
        to[pairs] = word_of(o, i, p + 2 * pairs, last);
}

/* Words of `count` columns for terms p and p + 1, which lie side by side. */
static void pack_across(const reel_bf16_operand *o, int64_t i, int64_t count, int64_t p,
                        int64_t last, uint32_t *to)
{
    const reel_bf16 *from = (const reel_bf16 *)o->data + i * o->ld + p;
    const bool whole = !o->wide && p + 1 < last;
    for (int64_t j = 0; j < count; j++)
        to[j] = whole ? *(const word_of_halves *)(from + j * o->ld) : word_of(o, i + j, p, last);
}

/* A panel of one piece of B: words [q][NR], columns beyond the last are 0. */
static void pack_panel(const reel_bf16_product *p, const reel_bf16_plan *plan, int64_t piece,
                       int64_t panel, uint32_t *to)
{
    const int64_t first = piece * plan->depth, last = first + plan->depth;
    const int64_t begin = panel * NR, count = least(NR, p->n - begin);
    for (int64_t q = 0; q < panel_words(plan); q++, to += NR) {
        if (count < NR || q >= plan->piece_words)
            memset(to, 0, NR * sizeof *to);
        if (count <= 0 || q >= plan->piece_words)
            continue;
        if (p->b.along)
            pack_along(&p->b, begin, count, first + 2 * q, last, to);
        else
            pack_across(&p->b, begin, count, first + 2 * q, last, to);
    }
}

/* `depth` words from term `first` on; terms from `last` on are 0. */
typedef struct word_range {
    int64_t first, depth, last;
} word_range;

#ifdef REEL_TILES
/* 16 words of 16 rows, which lie side by side, as rows of words. */
static void turn_rows(const reel_bf16_operand *a, int64_t row, int64_t count, word_range of,
                      uint32_t *to)
{
    __m512i v[TILE_WORDS];
    for (int64_t q = 0; q < TILE_WORDS; q++) {
        const int64_t p = of.first + 2 * q;
        uint32_t some[TILE_ROWS] __attribute__((aligned(64))) = {0};
        if (p < of.last)
            pack_along(a, row, count, p, of.last, some);
        v[q] = _mm512_load_si512(some);
    }
    transpose_words(v);
    for (int64_t r = 0; r < TILE_ROWS; r++)
        _mm512_storeu_si512(to + r * ROW_WORDS, v[r]);
}

/* Rows [row, row + count) of A, words side by side, zeros up to whole tiles. */
static void pack_rows(const reel_bf16_operand *a, int64_t row, int64_t count, word_range of,
                      uint32_t *to)
{
    enum { AHEAD = 32 }; /* terms */
    const int64_t whole = (of.depth + TILE_WORDS - 1) / TILE_WORDS * TILE_WORDS;
    for (int64_t i = 0; i < count && !a->along; i++) {
        pack_row(a, row + i, of.first, of.depth, of.last, to + i * ROW_WORDS);
        memset(to + i * ROW_WORDS + of.depth, 0, (size_t)(whole - of.depth) * sizeof *to);
    }
    for (int64_t q = 0; q < whole && a->along; q += TILE_WORDS) {
        const word_range some = {of.first + 2 * q, TILE_WORDS, of.last};
        for (int64_t t = 0; t < count; t += TILE_ROWS) {
            for (int64_t p = 0; p < 2 * TILE_WORDS && a->wide; p++)
                __builtin_prefetch(
                    (const float *)a->data + (some.first + AHEAD + p) * a->ld + row + t, 0, 2);
            turn_rows(a, row + t, least(TILE_ROWS, count - t), some, to + t * ROW_WORDS + q);
        }
    }
}
#else
/* Rows [row, row + count) of A. */
static void pack_rows(const reel_bf16_operand *a, int64_t row, int64_t count, word_range of,
                      uint32_t *to)
{
    enum { AHEAD = 8 }; /* terms */
    if (!a->along) {
        for (int64_t i = 0; i < count; i++)
            pack_row(a, row + i, of.first, of.depth, of.last, to + i * ROW_WORDS);
        return;
    }
    for (int64_t q = 0; q < of.depth; q++) {
        const int64_t p = of.first + 2 * q;
        for (int64_t t = 0; a->wide && t < count; t += 16) {
            const float *next = (const float *)a->data + (p + AHEAD) * a->ld + row + t;
            __builtin_prefetch(next, 0, 2);
            __builtin_prefetch(next + a->ld, 0, 2);
        }
        pack_along(a, row, count, p, of.last, to + q * TERM_WORDS);
    }
}

#endif

/* ---- the product ---- */

/* Rows [row, row + rows) and columns [column, column + columns) of C, whole panels of these. */
typedef struct bf16_chunk {
    const reel_bf16_product *p;
    const reel_bf16_plan *plan;
    int64_t row, rows, column, columns;
    const uint32_t *b;
    uint32_t *a;
} bf16_chunk;

/* A's packed words [q, q + depth) against the panel of B at column j of the chunk. */
static void bf16_multiply_rows(const bf16_chunk *c, const uint32_t *b, int64_t depth, float *sums,
                               bool add)
{
    const int64_t ld = c->plan->strip;
#ifdef REEL_TILES
    const int64_t whole = (depth + TILE_WORDS - 1) / TILE_WORDS * TILE_WORDS;
    for (int64_t i = 0; i < c->rows; i += 2 * TILE_ROWS) {
        const bf16_tiles block = {whole, c->a + i * ROW_WORDS, ROW_WORDS, b, sums + i * ld, ld,
                                  add};
        if (c->rows - i > TILE_ROWS)
            bf16_multiply_tiles(block, true);
        else
            bf16_multiply_tiles(block, false);
    }
#else
    const bool along = c->p->a.along;
    const int64_t a_row = along ? 1 : ROW_WORDS, a_step = along ? TERM_WORDS : 1;
    for (int64_t i = 0; i < c->rows; i += MR)
        bf16_multiply_block((bf16_block){.depth = depth,
                                         .a = c->a + i * a_row,
                                         .a_row = a_row,
                                         .a_step = a_step,
                                         .b = b,
                                         .c = sums + i * ld,
                                         .ldc = ld,
                                         .add = add});
#endif
}

/* The product of one piece for a chunk. */
static void bf16_multiply_piece(const bf16_chunk *c, int64_t piece, float *sums)
{
    const reel_bf16_plan *plan = c->plan;
    const int64_t first = piece * plan->depth, last = first + plan->depth;
    for (int64_t q = 0; q < plan->piece_words; q += DEPTH) {
        const int64_t depth = least(DEPTH, plan->piece_words - q);
        pack_rows(&c->p->a, c->row, c->rows, (word_range){first + 2 * q, depth, last}, c->a);
        for (int64_t j = 0; j < c->columns; j += NR) {
            const int64_t panel = piece * plan->columns + c->column + j;
            const uint32_t *b = c->b + panel * panel_words(plan) + q * NR;
            bf16_multiply_rows(c, b, depth, sums + j, q > 0);
        }
    }
}

/* The sum over `pieces` of a chunk; partial sums lie behind `sums`. */
static void bf16_multiply_pieces(const bf16_chunk *c, reel_pieces pieces, float *sums)
{
    if (pieces.count == 1) {
        bf16_multiply_piece(c, pieces.first, sums);
        return;
    }
    const int64_t left = reel_pieces_left(pieces.count), n = (int64_t)c->plan->sum_words;
    float *rest = sums + n;
    bf16_multiply_pieces(c, (reel_pieces){pieces.first, left}, sums);
    bf16_multiply_pieces(c, (reel_pieces){pieces.first + left, pieces.count - left}, rest);
    for (int64_t i = 0; i < c->rows * c->plan->strip; i += VL)
        store(sums + i, load(sums + i) + load(rest + i));
}

/* A sum, ended as the job says. */
KERNEL_INLINE void bf16_write_one(const reel_bf16_product *p, float sum, float bias, int64_t at)
{
    sum += bias;
    if (p->rounds) {
        reel_bf16 *to = (reel_bf16 *)p->c + at;
        sum = p->accumulate ? reel_bf16_to_float(*to) + sum : sum;
        *to = reel_bf16_from_float(p->relu && sum < 0 ? 0 : sum);
    } else {
        float *to = (float *)p->c + at;
        sum = p->accumulate ? *to + sum : sum;
        *to = p->relu && sum < 0 ? 0 : sum;
    }
}

/* `count` sums of a column of C, which lies at `at`; bias: theirs, or NULL. */
static void bf16_write_column(const reel_bf16_product *p, const float *sums, const float *bias,
                              int64_t count, int64_t at)
{
    int64_t i = 0;
    for (; i + VL <= count; i += VL) {
        vec sum = load(sums + i) + (bias ? load(bias + i) : (vec){0});
        if (p->rounds) {
            reel_bf16 *to = (reel_bf16 *)p->c + at + i;
            sum = p->accumulate ? load_bf16(to) + sum : sum;
            store_bf16(to, p->relu ? rectified(sum) : sum);
        } else {
            float *to = (float *)p->c + at + i;
            sum = p->accumulate ? load(to) + sum : sum;
            store(to, p->relu ? rectified(sum) : sum);
        }
    }
    for (; i < count; i++)
        bf16_write_one(p, sums[i], bias ? bias[i] : 0, at + i);
}

/* A row of C that is only stored, past the caches where it can be: it is too long to be read soon.
 */
static void bf16_write_row(float *to, const float *sums, int64_t count)
{
    const int64_t lead = least(count, (int64_t)(-(uintptr_t)to / sizeof *to % VL));
    int64_t j = 0;
    for (; j < lead; j++)
        to[j] = sums[j];
    for (; j + VL <= count; j += VL)
        stream(to + j, load(sums + j));
    for (; j < count; j++)
        to[j] = sums[j];
}

static void bf16_write_chunk(const bf16_chunk *c, const float *sums)
{
    const reel_bf16_product *p = c->p;
    const int64_t columns = least(c->columns, p->n - c->column), ld = c->plan->strip;
    if (p->c_row == 1) { /* column by column, as C lies */
        for (int64_t j = 0; j < columns; j++) {
            float column[REEL_BF16_ROWS];
            for (int64_t i = 0; i < c->rows; i++)
                column[i] = sums[i * ld + j];
            bf16_write_column(p, column, p->bias ? p->bias + c->row : NULL, c->rows,
                              c->row + (c->column + j) * p->c_col);
        }
        return;
    }

    const bool plain = !p->bias && !p->relu && !p->accumulate && !p->rounds;
    for (int64_t i = 0; i < c->rows; i++) {
        const int64_t at = (c->row + i) * p->c_row + c->column;
        if (plain) {
            bf16_write_row((float *)p->c + at, sums + i * ld, columns);
            continue;
        }
        for (int64_t j = 0; j < columns; j++)
            bf16_write_one(p, sums[i * ld + j], p->bias ? p->bias[c->row + i] : 0, at + j);
    }
}

reel_bf16_product_fn REEL_ISA_FN(reel_bf16_product);
void REEL_ISA_FN(reel_bf16_product)(int threads, const reel_bf16_product *p)
{
    const reel_bf16_plan plan = reel_bf16_plan_of(p);
    const int64_t panels = plan.columns / NR, chunks = (p->m + ROWS - 1) / ROWS;
    uint32_t *b = p->scratch;
    const size_t own = plan.a_words + (size_t)(plan.levels + 1) * plan.sum_words;

#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t item = 0; item < plan.pieces * panels; item++)
            pack_panel(p, &plan, item / panels, item % panels, b + item * NR * panel_words(&plan));

        uint32_t *a = b + plan.b_words + (size_t)omp_get_thread_num() * own;
        float *sums = (float *)(a + plan.a_words);
#ifdef REEL_TILES
        tiles_begin();
#endif
#pragma omp for schedule(dynamic, 1)
        for (int64_t chunk = 0; chunk < chunks; chunk++) {
            /* Chunks differ by a row at most, so that the last one is not a sliver. */
            const int64_t row = p->m * chunk / chunks, end = p->m * (chunk + 1) / chunks;
            for (int64_t j = 0; j < plan.columns; j += plan.strip) {
                const bf16_chunk c = {
                    p, &plan, row, end - row, j, least(plan.strip, plan.columns - j), b, a};
                bf16_multiply_pieces(&c, (reel_pieces){0, plan.pieces}, sums);
                bf16_write_chunk(&c, sums);
            }
        }
        stream_end();
#ifdef REEL_TILES
        tiles_end();
#endif
    }
}
