/* An order in which every class is drawn equally often (class-aware sampling: Shen, Lin and Huang,
 * "Relay backpropagation for effective learning of deep convolutional neural networks", ECCV 2016).
 *
 * A run is an endless row of blocks, each as long as there are classes; an epoch of n places is the
 * next n of that row, wherever a block begins. A block holds every class once, in an order drawn
 * anew: so up to any place of the run two classes differ by at most one sample, and in any stretch
 * of it, an epoch as well, by at most two. In block b a class shows entry number b of its own
 * endless list: a permutation of its samples, then another one, and so on. Hence no sample comes
 * again before all others of its class have come, across epochs too; and a place is a function of
 * (seed, epoch, place) and of the labels.
 *
 * Memory: 16 bytes a sample beside the order itself, taken once. */
#include "data/balance.h"

#include <stdlib.h>
#include <string.h>

#include "data/permutation.h"

typedef struct class_list {
    int64_t label, first, n; /* its samples: members[first] .. members[first + n - 1] */
    int64_t round; /* for which `order` holds the permutation, with this seed; -1 = none */
    uint64_t seed;
} class_list;

struct reel_balance {
    int64_t classes; /* that have samples */
    class_list *lists;
    /* All in the memory of members. */
    int64_t *members; /* samples by class */
    int64_t *order;   /* of each class: places among its members, shuffled */
    int64_t *block;   /* classes, shuffled */
    int64_t *list_of; /* of a label; -1 = it has no samples */
};

void reel_balance_destroy(reel_balance *b)
{
    if (!b)
        return;
    free(b->lists);
    free(b->members);
    free(b);
}

static reel_balance *balance_new(int64_t samples, int64_t labels)
{
    reel_balance *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->lists = calloc((size_t)labels + 1, sizeof *b->lists);
    b->members = calloc(2 * (size_t)(samples + labels) + 1, sizeof *b->members);
    if (!b->lists || !b->members) {
        reel_balance_destroy(b);
        return NULL;
    }

    b->order = b->members + samples;
    b->block = b->order + samples;
    b->list_of = b->block + labels;
    return b;
}

reel_status reel_balance_create(reel_balance **out, const reel_dataset *d, reel_error *err)
{
    const int64_t count = reel_dataset_count(d), labels = reel_dataset_classes(d);
    reel_balance *b = *out = balance_new(count, labels);
    if (!b)
        return reel_fail(err, REEL_ERR_MEMORY, "loader: no memory to balance the classes");

    /* Counted first (list_of holds the counts), so that each class gets its place in members. */
    for (int64_t i = 0; i < count; i++) {
        const int64_t label = reel_dataset_label(d, i);
        if (label < 0) {
            reel_balance_destroy(b);
            *out = NULL;
            return reel_fail(err, REEL_ERR_INVALID,
                             "loader: the label of a sample is none of the dataset's classes");
        }
        b->list_of[label]++;
    }
    int64_t first = 0;
    for (int64_t c = 0; c < labels; c++) {
        const int64_t n = b->list_of[c];
        b->list_of[c] = n ? b->classes : -1;
        if (n)
            b->lists[b->classes++] = (class_list){.label = c, .first = first, .round = -1};
        first += n;
    }

    for (int64_t i = 0; i < count; i++) {
        class_list *l = &b->lists[b->list_of[reel_dataset_label(d, i)]];
        b->members[l->first + l->n++] = i;
    }
    return REEL_OK;
}

/* Entry number `turn` of the class's endless list. */
static int64_t class_entry(reel_balance *b, class_list *l, uint64_t seed, int64_t turn)
{
    const int64_t round = turn / l->n;
    if (l->round != round || l->seed != seed) {
        reel_rng rng = reel_rng_at(seed, REEL_STREAM_CLASS, (uint32_t)l->label, (uint32_t)round);
        reel_shuffle(b->order + l->first, l->n, &rng);
        l->round = round;
        l->seed = seed;
    }
    return b->members[l->first + b->order[l->first + turn % l->n]];
}

void reel_balance_epoch(reel_balance *b, int64_t *order, int64_t n, uint64_t seed, uint32_t epoch)
{
    const int64_t first = (int64_t)epoch * n, end = first + n;
    for (int64_t k = first / b->classes; k * b->classes < end; k++) {
        const int64_t at = k * b->classes;
        reel_rng rng = reel_rng_at(seed, REEL_STREAM_BLOCK, (uint32_t)k, (uint32_t)(k >> 32));
        reel_shuffle(b->block, b->classes, &rng);
        for (int64_t i = at < first ? first - at : 0; i < b->classes && at + i < end; i++)
            order[at + i - first] = class_entry(b, &b->lists[b->block[i]], seed, k);
    }
}

int64_t reel_balance_substitute(const reel_balance *b, int64_t label, reel_rng *rng)
{
    const class_list *l = &b->lists[b->list_of[label]];
    return b->members[l->first + (int64_t)reel_rng_below(rng, (uint64_t)l->n)];
}

int64_t reel_balance_class_count(const reel_balance *b, int64_t label)
{
    return b->list_of[label] < 0 ? 0 : b->lists[b->list_of[label]].n;
}
