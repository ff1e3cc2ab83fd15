/* A whole batch in equal pieces, whose gradients are added up along one fixed binary tree.
 *
 * A tree over n pieces is a leaf for n = 1; else its left part holds the largest power of two of
 * pieces that is below n, and its right part the rest:
 *
 *     5 pieces   ((0 + 1) + (2 + 3)) + 4        6 pieces   ((0 + 1) + (2 + 3)) + (4 + 5)
 *
 * So the shape of a part depends on its number of pieces only, and whoever adds up (one process or
 * several) gets the same bits. Floating-point addition is not associative: another order would give
 * other bits. */
#ifndef REEL_CORE_PIECES_H
#define REEL_CORE_PIECES_H

#include <stdint.h>

/* Pieces first, first + 1, ..., first + count - 1. */
typedef struct reel_pieces {
    int64_t first, count;
} reel_pieces;

/* Pieces in the left part of a tree over n >= 2 pieces. */
static inline int64_t reel_pieces_left(int64_t n)
{
    int64_t left = 1;
    while (left < n - left) /* 2 left < n, for every n */
        left *= 2;
    return left;
}

/* Additions on the longest way from a piece to the sum of n >= 1 pieces. */
static inline int reel_pieces_depth(int64_t n)
{
    int depth = 0;
    for (int64_t left = 1; left < n; left *= 2)
        depth++;
    return depth;
}

#endif
