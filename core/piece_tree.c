/* The way down the tree of pieces. */
#include "core/piece_tree.h"

#include "core/kernels/add_into.h"
#include "core/memory.h"

static size_t level_bytes(int n, const reel_tensor *to)
{
    size_t bytes = 0;
    for (int i = 0; i < n; i++)
        bytes += reel_whole_lines(reel_tensor_bytes(&to[i]));
    return bytes;
}

size_t reel_piece_tree_bytes(int n, const reel_tensor *to, int64_t pieces)
{
    return level_bytes(n, to) * (size_t)reel_pieces_depth(pieces);
}

/* The sums over `part`, at `to`; `rest` is memory for this level's partial sums and those below. */
static void add_up_tree(const reel_piece_tree *tree, reel_pieces part, const reel_tensor *to,
                        char *rest)
{
    if (part.count == 1) {
        tree->give(tree->user, part.first, to);
        return;
    }

    reel_tensor right[REEL_PIECE_TREE_SUMS];
    for (int i = 0; i < tree->n; i++) {
        right[i] = to[i];
        if (to[i].data)
            right[i].data = rest;
        rest += reel_whole_lines(reel_tensor_bytes(&to[i]));
    }
    const int64_t left = reel_pieces_left(part.count);
    add_up_tree(tree, (reel_pieces){part.first, left}, to, rest);
    add_up_tree(tree, (reel_pieces){part.first + left, part.count - left}, right, rest);
    for (int i = 0; i < tree->n; i++)
        if (to[i].data)
            reel_add_tensor(tree->ctx, &to[i], &right[i]);
}

void reel_piece_tree_run(const reel_piece_tree *tree)
{
    add_up_tree(tree, (reel_pieces){0, tree->pieces}, tree->to, tree->partial);
}
