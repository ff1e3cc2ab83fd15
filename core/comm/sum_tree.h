/* Adding up arrays along the tree of core/pieces.h, element by element.
 *
 * A tree over given leaves (subtrees whose sums are there) is a list of steps in postfix order:
 * 0, 1, ... push the element of that leaf, ADD replaces the last two by their sum. The steps run
 * over blocks of some kB, so that the sums in between stay in the cache and each leaf is read
 * once. */
#ifndef REEL_COMM_SUM_TREE_H
#define REEL_COMM_SUM_TREE_H

#include "core/base.h"
#include "core/pieces.h"
#include "core/tensor.h"

enum { REEL_SUM_ADD = -1, REEL_SUM_BLOCK = 2048 /* elements */, REEL_SUM_DEPTH = 64 };

typedef struct reel_sum_tree {
    int *steps;
    int n_steps; /* 1 = the tree is a leaf: steps[0] */
} reel_sum_tree;

/* The tree over the pieces `of`. The leaves are disjoint subtrees in ascending order that cover it;
 * those before and behind it are ignored. REEL_ERR_MEMORY. */
reel_status reel_sum_tree_make(reel_sum_tree *tree, reel_pieces of, const reel_pieces *leaves,
                               int n_leaves, reel_error *err);
void reel_sum_tree_free(reel_sum_tree *tree);

/* Who adds: threads, and memory for the sums in between. */
typedef struct reel_adder {
    reel_dtype dtype;
    int threads;
    void *scratch; /* reel_adder_bytes(dtype, threads) */
} reel_adder;

size_t reel_adder_bytes(reel_dtype dtype, int threads);

/* out[i] = the tree's sum for begin <= i < end. leaves[k] is the flat array of leaf k; out may be
 * one of them. The bits do not depend on the number of threads. */
void reel_sum_tree_run(const reel_sum_tree *tree, const reel_adder *adder, void *const *leaves,
                       void *out, int64_t begin, int64_t end);

/* out[i] = a[i] + b[i]; out may be a or b (add_real.c). */
typedef void reel_add_loop_fn(void *out, const void *a, const void *b, int64_t n);
extern reel_add_loop_fn *const reel_add_loops[REEL_DTYPES];

#endif
