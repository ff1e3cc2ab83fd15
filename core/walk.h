/* Walking several tensors in step: the index arithmetic of broadcasting, reductions, views and
 * changes of layout.
 *
 * A walk is a nest of loops over one shape. Each operand has a stride for every loop, 0 where it is
 * broadcast. Loops of size 1 are dropped and neighbours that all operands traverse as one run are
 * merged, so tensors of equal shape and layout end in a single loop of stride 1 and need no special
 * case. Private to core. */
#ifndef REEL_CORE_WALK_H
#define REEL_CORE_WALK_H

#include "core/tensor.h"

enum { REEL_WALK_OPERANDS = 4 };

typedef struct reel_walk {
    int ndim; /* at least 1; the innermost loop is the last */
    int operands;
    int64_t size[REEL_MAX_DIMS];
    int64_t stride[REEL_MAX_DIMS][REEL_WALK_OPERANDS]; /* elements */
} reel_walk;

/* A place within the first `dims` loops of a walk. */
typedef struct reel_cursor {
    int64_t index[REEL_MAX_DIMS];
    int64_t offset[REEL_WALK_OPERANDS];
} reel_cursor;

/* Aligns the tensors with the shape at its last dimension, as NumPy does: missing dimensions and
 * those of size 1 repeat. Loops are nested as the memory of operand `order` is; -1 keeps the order
 * of the shape (row-major). */
reel_walk reel_walk_make(int order, int ndim, const int64_t *shape, int operands,
                         const reel_tensor *const *t);

/* Sorts the loops into those along which the operand moves and those along which it stands still.
 */
void reel_walk_split(const reel_walk *w, int operand, reel_walk *moving, reel_walk *still);

/* Iterations of the first `dims` loops: w->ndim for elements, w->ndim - 1 for innermost runs. */
int64_t reel_walk_count(const reel_walk *w, int dims);

/* The place of iteration i of the first `dims` loops. */
reel_cursor reel_walk_at(const reel_walk *w, int dims, int64_t i);

/* Steps to the next iteration; past the last one it is back at the first. */
static inline void reel_walk_next(const reel_walk *w, int dims, reel_cursor *at)
{
    for (int d = dims - 1; d >= 0; d--) {
        for (int k = 0; k < w->operands; k++)
            at->offset[k] += w->stride[d][k];
        if (++at->index[d] < w->size[d])
            return;
        at->index[d] = 0;
        for (int k = 0; k < w->operands; k++)
            at->offset[k] -= w->size[d] * w->stride[d][k];
    }
}

#endif
