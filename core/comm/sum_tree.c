/* Making the steps of a tree, and running them over blocks. */
#include "core/comm/sum_tree.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

typedef struct tree_maker {
    reel_sum_tree *tree;
    const reel_pieces *leaves;
    int n_leaves;
} tree_maker;

static void append_sum_step(tree_maker *m, int step)
{
    m->tree->steps[m->tree->n_steps++] = step;
}

static void make_steps(tree_maker *m, reel_pieces of)
{
    for (int k = 0; k < m->n_leaves; k++)
        if (m->leaves[k].first == of.first && m->leaves[k].count == of.count) {
            append_sum_step(m, k);
            return;
        }
    REEL_ASSERT(of.count > 1);

    const int64_t left = reel_pieces_left(of.count);
    make_steps(m, (reel_pieces){of.first, left});
    make_steps(m, (reel_pieces){of.first + left, of.count - left});
    append_sum_step(m, REEL_SUM_ADD);
}

reel_status reel_sum_tree_make(reel_sum_tree *tree, reel_pieces of, const reel_pieces *leaves,
                               int n_leaves, reel_error *err)
{
    *tree = (reel_sum_tree){.steps = malloc(2 * (size_t)n_leaves * sizeof(int))};
    if (!tree->steps)
        return reel_fail(err, REEL_ERR_MEMORY, "sums over pieces: out of memory");
    tree_maker maker = {tree, leaves, n_leaves};
    make_steps(&maker, of);
    return REEL_OK;
}

void reel_sum_tree_free(reel_sum_tree *tree)
{
    free(tree->steps);
    *tree = (reel_sum_tree){0};
}

size_t reel_adder_bytes(reel_dtype dtype, int threads)
{
    return (size_t)threads * REEL_SUM_DEPTH * REEL_SUM_BLOCK * reel_dtype_size(dtype);
}

/* One thread's part: leaves and out, and memory for sums in between. */
typedef struct tree_block {
    void *const *leaves;
    char *out, *scratch;
    size_t element; /* bytes */
    reel_add_loop_fn *add;
} tree_block;

static void run_block(const reel_sum_tree *tree, const tree_block *b, int64_t begin, int64_t n)
{
    const char *stack[REEL_SUM_DEPTH];
    const size_t skip = (size_t)begin * b->element;
    const size_t block_bytes = REEL_SUM_BLOCK * b->element;
    int depth = 0;

    for (int s = 0; s < tree->n_steps; s++) {
        const int step = tree->steps[s];
        if (step != REEL_SUM_ADD) {
            stack[depth++] = (const char *)b->leaves[step] + skip;
            continue;
        }
        /* A sum lies at the height of its left operand; the last one is the result. */
        const bool last = s == tree->n_steps - 1;
        char *sum = last ? b->out + skip : b->scratch + (size_t)(depth - 2) * block_bytes;
        b->add(sum, stack[depth - 2], stack[depth - 1], n);
        stack[depth - 2] = sum;
        depth--;
    }
    if (tree->n_steps == 1 && stack[0] != b->out + skip)
        memcpy(b->out + skip, stack[0], (size_t)n * b->element);
}

void reel_sum_tree_run(const reel_sum_tree *tree, const reel_adder *adder, void *const *leaves,
                       void *out, int64_t begin, int64_t end)
{
    const int64_t blocks = (end - begin + REEL_SUM_BLOCK - 1) / REEL_SUM_BLOCK;
    const size_t each = reel_adder_bytes(adder->dtype, 1);
#pragma omp parallel for num_threads(adder->threads) schedule(static) if (blocks > 16)
    for (int64_t i = 0; i < blocks; i++) {
        const tree_block block = {.leaves = leaves,
                                  .out = out,
                                  .scratch =
                                      (char *)adder->scratch + (size_t)omp_get_thread_num() * each,
                                  .element = reel_dtype_size(adder->dtype),
                                  .add = reel_add_loops[adder->dtype]};
        const int64_t from = begin + i * REEL_SUM_BLOCK, rest = end - from;
        run_block(tree, &block, from, rest < REEL_SUM_BLOCK ? rest : REEL_SUM_BLOCK);
    }
}
