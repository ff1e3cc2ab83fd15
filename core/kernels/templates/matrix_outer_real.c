/* Products with a short sum and a large result, as the weight gradients of fully connected layers
 * are: C = A^T B over the batch. Writing C bounds the time, so it is written once, a panel or two
 * at a time, past the caches where it is larger than those. */
#include "core/kernels/templates/matrix_parts.h"
#include "core/pieces.h"

#include <omp.h>

enum {
    CACHE_LINE = 64, /* bytes; parts of one that leave at different times cost a line each */
    OUTER_B =
        1 << 16, /* reals of B that a thread keeps packed: a quarter of its second-level cache */
    OUTER_STREAM = 16 << 20, /* bytes of a C that no cache holds until it is read */
};

/* How C is shared out: panels of B in groups that a thread keeps packed, rows of A in chunks. */
typedef struct outer_plan {
    int64_t panels, groups, chunks;
    product_end end;
} outer_plan;

static bool takes(const reel_matrix_job *job)
{
    return job->a.kind == REEL_OPERAND_COLUMNS && job->b.kind == REEL_OPERAND_COLUMNS &&
           job->c_col == 1 && !job->grid && job->k <= REEL_MATRIX_KC && job->n >= 4 * NR &&
           job->m >= MR;
}

static outer_plan plan_of(const reel_matrix_job *job)
{
    outer_plan p = {.panels = (job->n + NR - 1) / NR,
                    .chunks = (job->m + REEL_MATRIX_MC - 1) / REEL_MATRIX_MC};
    const int64_t most = OUTER_B / (job->k * NR);
    p.groups = (p.panels + most - 1) / most;

    const int64_t row_bytes = job->c_row * (int64_t)sizeof(real);
    const bool aligned = ((uintptr_t)job->c | (uintptr_t)row_bytes) % CACHE_LINE == 0;
    const bool large = job->m * job->n * (int64_t)sizeof(real) >= OUTER_STREAM;
    p.end = PRODUCT_ASSIGN;
    if (job->accumulate)
        p.end = PRODUCT_ADD;
    else if (aligned && large && !job->bias)
        p.end = PRODUCT_STREAM;
    return p;
}

/* Rows [i, i + rows) of C, panels [begin, end) of its columns, and their packed operands. */
typedef struct outer_chunk {
    int64_t i, rows, begin, end;
    const real *a, *b;
} outer_chunk;

/* ---- a sum in pieces: a tile of C at a time, in the first-level cache ---- */

typedef struct tile_sum {
    const matrix_block *at; /* the tile's operands, with the terms of all pieces */
    int64_t depth;          /* terms of a piece */
} tile_sum;

enum { TILE_ROWS = WIDE_ROWS > 0 ? 2 * WIDE_ROWS : MR, TILE = TILE_ROWS * BLOCK_COLS };

static void piece_product(const tile_sum *t, int64_t piece, product_end end, real *to)
{
    const reel_matrix_job here = {.c = to, .c_row = BLOCK_COLS, .c_col = 1};
    product_carry none = {0};
    matrix_block at = *t->at;
    at.i = at.j = 0;
    at.cols = packed_width(at.cols);
    at.depth = t->depth;
    at.a += piece * t->depth * WIDE_LD;
    at.b += piece * t->depth * NR;
    at.end = end;
    at.last = false;
    multiply_block(&here, &at, &none);
}

/* The tree over `part`, at `to`; the memory behind it is for partial sums. */
static void tile_tree(const tile_sum *t, reel_pieces part, real *to)
{
    if (part.count == 1) {
        piece_product(t, part.first, PRODUCT_ASSIGN, to);
        return;
    }
    const int64_t left = reel_pieces_left(part.count), right = part.count - left;
    tile_tree(t, (reel_pieces){part.first, left}, to);
    if (right == 1) {
        piece_product(t, part.first + left, PRODUCT_ADD, to);
        return;
    }
    real *rest = to + TILE;
    tile_tree(t, (reel_pieces){part.first + left, right}, rest);
    const int64_t width = packed_width(t->at->cols);
    for (int64_t r = 0; r < t->at->rows; r++, to += BLOCK_COLS, rest += BLOCK_COLS)
        for (int64_t j = 0; j < width; j += VL)
            store(to + j, load(to + j) + load(rest + j));
}

static void write_tile_sum(const reel_matrix_job *job, const matrix_block *at, product_end end,
                           const real *from)
{
    for (int64_t r = 0; r < at->rows; r++, from += BLOCK_COLS) {
        real *to = (real *)job->c + (at->i + r) * job->c_row + at->j;
        int64_t j = 0;
        for (; j + VL <= at->cols && end == PRODUCT_STREAM; j += VL)
            stream(to + j, load(from + j));
        for (; j < at->cols; j++)
            to[j] = from[j];
    }
}

static void multiply_pieces(const reel_matrix_job *job, matrix_block at, product_end end)
{
    enum { LEVELS = 12 }; /* of a tree over at most REEL_MATRIX_KC pieces */
    real tiles[LEVELS * TILE] __attribute__((aligned(64)));
    const tile_sum t = {&at, job->k / job->pieces};
    const int64_t i = at.i, rows = at.rows;
    const real *a = at.a;
    for (int64_t row = 0; row < rows; row += at.rows) {
        at.i = i + row;
        at.a = a + row;
        at.rows = least(TILE_ROWS, rows - row);
        tile_tree(&t, (reel_pieces){0, job->pieces}, tiles);
        write_tile_sum(job, &at, end, tiles);
    }
}

/* A chunk, one or two panels at a time. */
static void multiply_chunk(const reel_matrix_job *job, const outer_chunk *chunk, product_end end)
{
    product_carry none = {0};
    const int64_t last = least(chunk->end * NR, job->n);
    for (int64_t j = chunk->begin * NR, cols; j < last; j += cols) {
        cols = block_cols(last - j);
        const matrix_block at = {.i = chunk->i,
                                 .rows = chunk->rows,
                                 .j = j,
                                 .cols = cols,
                                 .depth = job->k,
                                 .a = chunk->a,
                                 .k_major = true,
                                 .b = chunk->b + (j - chunk->begin * NR) * job->k,
                                 .b_next = job->k * NR,
                                 .end = end,
                                 .last = true};
        if (job->pieces > 1)
            multiply_pieces(job, at, end);
        else
            multiply_block(job, &at, &none);
    }
}

bool outer_product(const reel_matrix_job *job)
{
    if (!takes(job))
        return false;

    const outer_plan p = plan_of(job);
#pragma omp parallel num_threads(job->threads)
    {
        real *b = (real *)job->scratch + omp_get_thread_num() * REEL_MATRIX_OUTER, *a = b + OUTER_B;
        int64_t packed = -1;
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < p.groups * p.chunks; item++) {
            const int64_t group = item / p.chunks, chunk = item % p.chunks;
            const int64_t begin = p.panels * group / p.groups;
            const int64_t end = p.panels * (group + 1) / p.groups;
            const int64_t i = job->m * chunk / p.chunks;
            const int64_t rows = job->m * (chunk + 1) / p.chunks - i;

            if (packed != group) {
                const int64_t cols = least(end * NR, job->n) - begin * NR;
                pack_panels(&job->b, (operand_part){begin * NR, cols, 0, job->k}, b, job->k * NR);
            }
            packed = group;
            pack_a(&job->a, (operand_part){i, rows, 0, job->k}, a);
            multiply_chunk(job, &(outer_chunk){i, rows, begin, end, a, b}, p.end);
        }
        stream_end();
    }
    return true;
}
