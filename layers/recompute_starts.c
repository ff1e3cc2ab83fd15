/* What may be dropped of a forward pass, and first choices to improve on. */
#include "layers/recompute_internal.h"

#include <math.h>
#include <stdlib.h>

#include "core/tape.h"

/* Moving one element through memory takes about as long as so many multiply-adds of a product. */
enum { ELEMENT_COST = 40 };

/* The last node that reads each value, for nodes [first, last]. */
static void find_last_readers(const reel_tape *tape, int first, int last, int *reader)
{
    for (int id = first; id <= last; id++)
        reader[id - first] = id;
    for (int id = first; id <= last; id++) {
        const reel_tape_node node = reel_tape_node_at(tape, id);
        for (int i = 0; i < node.n_in; i++)
            if (node.in[i] >= first)
                reader[node.in[i] - first] = id;
    }
}

static reel_droppable droppable_of(const reel_tape_node *node, int first, int64_t elements)
{
    const double work = (double)node->multiply_adds + ELEMENT_COST * (double)elements;
    return (reel_droppable){.id = node->id - first,
                            .cheap = node->multiply_adds == 0,
                            .bytes = node->bytes,
                            .cost = work / (double)(node->bytes ? node->bytes : 1)};
}

reel_status reel_droppables_find(reel_droppables *d, reel_var y, int first, reel_error *err)
{
    const reel_tape *tape = y.tape;
    const int nodes = y.id - first + 1;
    *d = (reel_droppables){.nodes = nodes};
    int *reader = malloc((size_t)nodes * sizeof *reader);
    d->list = malloc((size_t)nodes * sizeof *d->list);
    if (!reader || !d->list) {
        free(reader);
        free(d->list);
        d->list = NULL;
        return reel_fail(err, REEL_ERR_MEMORY, "plan: out of memory");
    }

    /* A cut: no computed value from before it is read behind it. */
    const size_t element = reel_dtype_size(reel_tape_dtype(tape));
    find_last_readers(tape, first, y.id, reader);
    int furthest = first;
    for (int id = first; id < y.id; id++) {
        const reel_tape_node node = reel_tape_node_at(tape, id);
        if (!node.computed)
            continue;
        if (node.kept) {
            reel_droppable *v = &d->list[d->count++];
            *v = droppable_of(&node, first, (int64_t)(node.bytes / element));
            v->cut = furthest <= id;
            d->bytes += v->bytes;
        }
        if (reader[id - first] > furthest)
            furthest = reader[id - first];
    }
    free(reader);
    return REEL_OK;
}

void reel_droppables_attempt(const reel_droppables *d, int k, bool *drop)
{
    for (int id = 0; id < d->nodes; id++)
        drop[id] = false;

    double apart = (double)d->bytes;
    for (int i = 1; i < k; i++)
        apart /= sqrt(2);

    double since = 0; /* bytes dropped since the last cut that was kept */
    for (int i = 0; i < d->count; i++) {
        const reel_droppable *v = &d->list[i];
        since += (double)v->bytes;
        if (k == 0) {
            drop[v->id] = v->cheap;
            continue;
        }
        drop[v->id] = !(v->cut && since > apart);
        if (!drop[v->id])
            since = 0;
    }
}
