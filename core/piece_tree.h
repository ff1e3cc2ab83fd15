/* Gradients that each piece of a batch gives by itself, added up along the tree of core/pieces.h
 * within one backward pass.
 *
 * Sums that wait for their neighbours lie in `partial`: one block for each level of the tree. */
#ifndef REEL_CORE_PIECE_TREE_H
#define REEL_CORE_PIECE_TREE_H

#include "core/ctx.h"
#include "core/pieces.h"
#include "core/tensor.h"

enum { REEL_PIECE_TREE_SUMS = 16 }; /* most gradients of a tree */

typedef struct reel_piece_tree {
    const reel_ctx *ctx;
    int64_t pieces;
    int n; /* gradients, at most REEL_PIECE_TREE_SUMS */
    const reel_tensor
        *to;       /* [n] the sums, each in one stretch; data is NULL where none is wanted */
    void *partial; /* reel_piece_tree_bytes, aligned to REEL_ALIGNMENT */
    /* Assigns what a piece gives to to[0], ..., to[n - 1]. Called for each piece, in their order.
     */
    void (*give)(const void *user, int64_t piece, const reel_tensor *to);
    const void *user;
} reel_piece_tree;

/* Bytes of partial sums, whole cache lines; none for one piece. Counts all n tensors, and reads
 * their shapes only. */
size_t reel_piece_tree_bytes(int n, const reel_tensor *to, int64_t pieces);
void reel_piece_tree_run(const reel_piece_tree *tree);

#endif
