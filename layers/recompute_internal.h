/* What choosing (recompute.c) and its candidates (recompute_starts.c) share. Private. */
#ifndef REEL_LAYERS_RECOMPUTE_INTERNAL_H
#define REEL_LAYERS_RECOMPUTE_INTERNAL_H

#include "layers/recompute.h"

/* A value that backward reads and that may be dropped. */
typedef struct reel_droppable {
    int id;     /* counted from the first node of the forward pass */
    bool cheap; /* made without products */
    bool cut;   /* all that lies behind follows from it alone */
    size_t bytes;
    double cost; /* of computing it again, for each byte */
} reel_droppable;

typedef struct reel_droppables {
    reel_droppable *list; /* in the order of the forward pass; free() it */
    int count, nodes;     /* nodes: ids are below */
    size_t bytes;         /* of all */
} reel_droppables;

/* Lists the values of a recorded forward pass whose nodes begin with `first` and which ends with y.
 */
reel_status reel_droppables_find(reel_droppables *d, reel_var y, int first, reel_error *err);

/* Marks in drop [nodes] what attempt k drops, 0 <= k < REEL_ATTEMPTS: 0 is what is made without
 * products; the others drop everything but cuts at distances of at most bytes / 2^((k - 1) / 2). */
enum { REEL_ATTEMPTS = 14 };
void reel_droppables_attempt(const reel_droppables *d, int k, bool *drop);

#endif
