/* What the files of the matrix product by tiles share (tiles.h). Two sides, A and B of the tiles,
 * are operands of a job or of its transpose:
 *
 *   C (m x n) = A (m x k) B (k x n)
 *
 * A set is 16 rows of A, or 16 columns of B, by 32 terms: three tiles, one for each limb of a
 * number. A word of it holds terms w and w + 16. Sets of a group, 16 rows or columns, follow each
 * other along the sum. Private to templates/. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_TILES_MATRIX_H
#define REEL_CORE_KERNELS_TEMPLATES_TILES_MATRIX_H

#include "core/kernels/templates/matrix_parts.h"

#ifdef REEL_TILES
#include "core/kernels/templates/tiles_carry.h"

enum {
    SET_BYTES = REEL_TILES_SET,
    GROUP = REEL_TILES_GROUP,
    BLOCK = 2 * GROUP /* rows and columns of C that tiles multiply together */
};

/* One side: rows of A or columns of B. along: they lie side by side in memory, as B's tiles have
 * them; else their terms do, as A's tiles have them. turned: the tiles have it the other way. */
typedef struct tile_side {
    const reel_operand *o;
    int64_t count;
    bool along, turned;
} tile_side;

/* Steps of 32 terms. Each piece of a sum (matrix.h) begins with a new one. */
typedef struct tile_terms {
    int64_t depth, steps_of_piece, steps;
} tile_terms;

/* `groups` groups of a side from row or column `at` on, steps [from, to) of the sum. */
typedef struct sets_part {
    int64_t at, groups, from, to;
} sets_part;

/* The product as tiles see it. */
typedef struct tile_job {
    const reel_matrix_job *job;
    tile_side a, b;
    tile_terms terms;
    bool exchanged; /* A is the job's B */
    bool columns;   /* C has columns in memory where vectors run, so sums are transposed */
    int64_t line;   /* from a line of C, where vectors run, to the next */
    bool past;      /* C is written past the caches */
} tile_job;

#define pack_tiles REEL_KERNEL_FN(reel_matrix_pack_tiles)
#define carry_tiles REEL_KERNEL_FN(reel_matrix_carry_tiles)
#define write_tile_sums REEL_KERNEL_FN(reel_matrix_write_tile_sums)

/* Splits a part; groups lie `stride` bytes apart at `to`. `stage` has room for REEL_MATRIX_A
 * reals. */
void pack_tiles(const tile_side *side, const tile_terms *terms, sets_part part, char *to,
                int64_t stride, real *stage);
/* The same as work that products carry along, groups without gaps; empty where the part is not
 * whole sets of a plain matrix that lie as the tiles have them. */
tile_carry carry_tiles(const tile_side *side, const tile_terms *terms, sets_part part, char *to);

/* add: to what C holds. last: the bias follows. */
typedef struct tile_end {
    bool add, last;
} tile_end;

/* Up to BLOCK x BLOCK sums, BLOCK apart at `sums`, to C at (i, j). */
void write_tile_sums(const tile_job *t, int64_t i, int64_t j, const float *sums, tile_end end);

#endif
#endif
