/* Which pieces of a batch each rank computes, and the subtrees that these make of the tree of
 * core/pieces.h. Pure functions of their arguments: every rank finds the same division.
 *
 * Each rank holds consecutive pieces, at least one. Among all such divisions the largest load is
 * the smallest possible, ceil(pieces / ranks). Among those that remain, the number of maximal
 * subtrees of all ranks is the smallest possible, because each is a gradient that is stored, read
 * and perhaps sent. Among those that remain, later ranks hold the fewer pieces:
 *
 *     8 pieces, 5 ranks   0 1 | 2 3 | 4 5 | 6 | 7       5 subtrees, not 0 | 1 2 | ... with 7 */
#ifndef REEL_COMM_DIVISION_H
#define REEL_COMM_DIVISION_H

#include "core/base.h"
#include "core/pieces.h"

enum {
    /* Above it the ranks hold pieces / ranks, rounded, whatever subtrees these make: the search
     * takes time and memory that grow with pieces x pieces. */
    REEL_DIVISION_SEARCHED = 4096,
    REEL_MOST_SUBTREES = 128 /* of a range of pieces: two a level of a tree of 2^63 */
};

/* Fills first[ranks + 1]: rank r holds the pieces first[r] to first[r + 1] - 1.
 * REEL_ERR_INVALID: not 1 <= ranks <= pieces. REEL_ERR_MEMORY. */
reel_status reel_divide_pieces(int64_t *first, int64_t pieces, int ranks, reel_error *err);

/* The maximal subtrees of the tree over `pieces` pieces that lie within `range`, in order; returns
 * how many. out may be NULL; otherwise it has room for REEL_MOST_SUBTREES. */
int reel_maximal_subtrees(reel_pieces *out, int64_t pieces, reel_pieces range);

#endif
