/* Planning of walks: alignment, order, merging of loops. Runs once per call, never in an inner
 * loop. */
#include "core/walk.h"

#include <string.h>

static void swap_loops(reel_walk *w, int a, int b)
{
    int64_t stride[REEL_WALK_OPERANDS];
    const int64_t size = w->size[a];
    w->size[a] = w->size[b];
    w->size[b] = size;
    memcpy(stride, w->stride[a], sizeof stride);
    memcpy(w->stride[a], w->stride[b], sizeof stride);
    memcpy(w->stride[b], stride, sizeof stride);
}

static bool mergeable(const reel_walk *w, int outer, int inner)
{
    for (int k = 0; k < w->operands; k++)
        if (w->stride[outer][k] != w->stride[inner][k] * w->size[inner])
            return false;
    return true;
}

static void merge_loops(reel_walk *w)
{
    int last = 0;
    for (int d = 1; d < w->ndim; d++) {
        if (mergeable(w, last, d)) {
            w->size[last] *= w->size[d];
            memcpy(w->stride[last], w->stride[d], sizeof w->stride[d]);
        } else if (++last != d) {
            w->size[last] = w->size[d];
            memcpy(w->stride[last], w->stride[d], sizeof w->stride[d]);
        }
    }
    if (w->ndim > 0)
        w->ndim = last + 1;
}

/* A walk without loops visits one element; one loop of size 1 spares everyone the special case. */
static void finish_walk(reel_walk *w)
{
    merge_loops(w);
    if (w->ndim > 0)
        return;
    w->ndim = 1;
    w->size[0] = 1;
    for (int k = 0; k < w->operands; k++)
        w->stride[0][k] = 1;
}

reel_walk reel_walk_make(int order, int ndim, const int64_t *shape, int operands,
                         const reel_tensor *const *t)
{
    REEL_ASSERT(operands <= REEL_WALK_OPERANDS && ndim <= REEL_MAX_DIMS);
    reel_walk w = {.operands = operands};

    /* A stride of 0 repeats what a tensor lacks or has with size 1. */
    for (int d = 0; d < ndim; d++) {
        if (shape[d] == 1)
            continue;
        w.size[w.ndim] = shape[d];
        for (int k = 0; k < operands; k++) {
            const int own = d - (ndim - t[k]->ndim);
            const bool repeats = own < 0 || t[k]->shape[own] == 1;
            REEL_ASSERT(repeats || t[k]->shape[own] == shape[d]);
            w.stride[w.ndim][k] = repeats ? 0 : t[k]->stride[own];
        }
        w.ndim++;
    }

    if (order >= 0) /* insertion sort: stable, at most eight loops */
        for (int d = 1; d < w.ndim; d++)
            for (int e = d; e > 0 && w.stride[e - 1][order] < w.stride[e][order]; e--)
                swap_loops(&w, e - 1, e);
    finish_walk(&w);
    return w;
}

void reel_walk_split(const reel_walk *w, int operand, reel_walk *moving, reel_walk *still)
{
    moving->operands = still->operands = w->operands;
    moving->ndim = still->ndim = 0;
    for (int d = 0; d < w->ndim; d++) {
        if (w->size[d] == 1)
            continue;
        reel_walk *part = w->stride[d][operand] ? moving : still;
        part->size[part->ndim] = w->size[d];
        memcpy(part->stride[part->ndim++], w->stride[d], sizeof w->stride[d]);
    }
    finish_walk(moving);
    finish_walk(still);
}

int64_t reel_walk_count(const reel_walk *w, int dims)
{
    int64_t count = 1;
    for (int d = 0; d < dims; d++)
        count *= w->size[d];
    return count;
}

reel_cursor reel_walk_at(const reel_walk *w, int dims, int64_t i)
{
    reel_cursor at = {{0}, {0}};
    for (int d = dims - 1; d >= 0 && i > 0; d--) {
        at.index[d] = i % w->size[d];
        i /= w->size[d];
        for (int k = 0; k < w->operands; k++)
            at.offset[k] += at.index[d] * w->stride[d][k];
    }
    return at;
}
