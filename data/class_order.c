/* Classes by name: a data set whose classes are sorted otherwise than those of a weights file, or
 * of the training data, takes over their order. */
#include <stdlib.h>
#include <string.h>

#include "data/bytes_internal.h"
#include "data/dataset_internal.h"

struct ordered_name {
    char *name;
    int64_t class;
};

static int by_ordered_name(const void *a, const void *b)
{
    return strcmp(((const struct ordered_name *)a)->name, ((const struct ordered_name *)b)->name);
}

/* Names with their places, sorted. */
static void sort_names(struct ordered_name *sorted, char *const *names, int64_t n)
{
    for (int64_t c = 0; c < n; c++)
        sorted[c] = (struct ordered_name){names[c], c};
    qsort(sorted, (size_t)n, sizeof *sorted, by_ordered_name);
}

/* Fills in order[label] = class of the wanted names; false = they are not the same names, once
 * each. */
static bool match_names(int64_t *order, const struct ordered_name *own,
                        const struct ordered_name *wanted, int64_t n)
{
    for (int64_t c = 0; c < n; c++) {
        if (strcmp(own[c].name, wanted[c].name) != 0 ||
            (c > 0 && strcmp(own[c].name, own[c - 1].name) == 0))
            return false;
        order[own[c].class] = wanted[c].class;
    }
    return true;
}

/* Puts names and labels into the order; a label may have been moved before. */
static void apply_order(reel_dataset *d, const struct ordered_name *own, int64_t *order)
{
    const int64_t n = d->n_classes;
    for (int64_t c = 0; c < n; c++)
        d->classes[order[own[c].class]] = own[c].name;
    for (int64_t c = 0; d->order && c < n; c++)
        d->order[c] = order[d->order[c]];
    if (d->order)
        free(order);
    else
        d->order = order;
}

reel_status reel_dataset_order_as(reel_dataset *d, const char *const *names, int64_t n,
                                  bool *changed, reel_error *err)
{
    REEL_NEED(d, err);
    REEL_NEED(names, err);
    REEL_NEED(changed, err);

    bool same = true;
    *changed = false;
    for (int64_t c = 0; c < n; c++)
        REEL_NEED(names[c], err);
    for (int64_t c = 0; same && c < n && c < d->n_classes; c++)
        same = strcmp(d->classes[c], names[c]) == 0;
    if (same || n != d->n_classes)
        return REEL_OK;

    struct ordered_name *own = calloc(2 * (size_t)n, sizeof *own), *wanted = own ? own + n : NULL;
    int64_t *order = calloc((size_t)n, sizeof *order);
    if (!own || !order) {
        free(own);
        free(order);
        return reel_fail(err, REEL_ERR_MEMORY, "no memory to order the classes");
    }
    sort_names(own, d->classes, n);
    sort_names(wanted, (char *const *)names, n);
    *changed = match_names(order, own, wanted, n);
    if (*changed)
        apply_order(d, own, order);
    else
        free(order);
    free(own);
    return REEL_OK;
}
