/* A stratified split: each class gives the same share of its samples, or one of K folds. A function
 * of (samples, share or fold, seed) alone, so that a resumed run and a run on another machine hold
 * the same samples back. */
#include <stdlib.h>

#include "data/dataset.h"
#include "data/permutation.h"

/* How many of a class are held back: at least one, and one stays. */
static int64_t held_of(int64_t n, double share)
{
    const int64_t held = (int64_t)(share * (double)n + 0.5);
    if (n < 2)
        return 0;
    if (held < 1)
        return 1;
    return held > n - 1 ? n - 1 : held;
}

typedef struct work {
    int64_t *members, *order; /* samples by class; how those of the class at hand are shuffled */
    int64_t *train, *held;
    int64_t n_train, n_held;
} work;

/* What is held back: a share of each class, or where `folds` is not 0, every folds-th sample. */
typedef struct split_rule {
    double share;
    int64_t folds, fold;
    uint64_t seed;
} split_rule;

/* Class c, whose n samples are `members`; `first` samples belong to the classes before it. */
static void split_class(work *w, int64_t first, int64_t n, const split_rule *rule, int64_t c)
{
    int64_t *members = w->members + first;
    const int64_t held = rule->folds ? 0 : held_of(n, rule->share);
    reel_permutation(w->order, n, rule->seed, (uint32_t)c);
    /* Marked first and dealt out in order of the samples, so that both sides stay sorted. */
    for (int64_t k = 0; k < n; k++)
        if (rule->folds ? (first + k) % rule->folds == rule->fold : k < held)
            members[w->order[k]] = -1 - members[w->order[k]];
    for (int64_t k = 0; k < n; k++)
        if (members[k] < 0)
            w->held[w->n_held++] = -1 - members[k];
        else
            w->train[w->n_train++] = members[k];
}

/* ends: a zero for each class and one more. */
static reel_status split_all(work *w, int64_t *ends, const reel_dataset *parent,
                             const split_rule *rule, reel_error *err)
{
    const int64_t count = reel_dataset_count(parent), classes = reel_dataset_classes(parent);
    for (int64_t i = 0; i < count; i++) {
        const int64_t label = reel_dataset_label(parent, i);
        if (label < 0)
            return reel_fail(err, REEL_ERR_INVALID,
                             "split: the label of a sample is none of the dataset's classes");
        ends[label + 1]++;
    }
    for (int64_t c = 0; c < classes; c++)
        ends[c + 1] += ends[c]; /* where class c begins is in c, and moves to its end */
    for (int64_t i = 0; i < count; i++)
        w->members[ends[reel_dataset_label(parent, i)]++] = i;
    for (int64_t c = 0, first = 0; c < classes; first = ends[c++])
        split_class(w, first, ends[c] - first, rule, c);
    return REEL_OK;
}

/* Both views by a rule that was checked. */
static reel_status split_by(reel_dataset **train, reel_dataset **held, const reel_dataset *parent,
                            const split_rule *rule, reel_error *err)
{
    const size_t count = (size_t)reel_dataset_count(parent);
    /* One block for the four lists of a `work`. */
    int64_t *memory = calloc(4 * count + 1, sizeof *memory);
    int64_t *ends = calloc((size_t)reel_dataset_classes(parent) + 1, sizeof *ends);
    reel_status status = REEL_OK;
    if (!memory || !ends)
        REEL_TRY_GOTO(
            reel_fail(err, REEL_ERR_MEMORY, "split: out of memory for %zu samples", count), done);

    work w = {memory, memory + count, memory + 2 * count, memory + 3 * count, 0, 0};
    REEL_TRY_GOTO(split_all(&w, ends, parent, rule, err), done);
    if (w.n_held == 0)
        REEL_TRY_GOTO(reel_fail(err, REEL_ERR_INVALID,
                                "split: expected a class with 2 samples or more, got none"),
                      done);

    REEL_TRY_GOTO(reel_dataset_subset(train, parent, w.train, w.n_train, err), done);
    REEL_TRY_GOTO(reel_dataset_subset(held, parent, w.held, w.n_held, err), done);
done:
    if (status != REEL_OK) {
        reel_dataset_destroy(*train);
        *train = NULL;
    }
    free(memory);
    free(ends);
    return status;
}

reel_status reel_dataset_split(reel_dataset **train, reel_dataset **held,
                               const reel_dataset *parent, double share, uint64_t seed,
                               reel_error *err)
{
    REEL_NEED(train, err);
    REEL_NEED(held, err);
    *train = *held = NULL;
    REEL_NEED(parent, err);
    if (!(share > 0 && share < 1))
        return reel_fail(err, REEL_ERR_INVALID, "split: expected a share between 0 and 1, got %g",
                         share);
    return split_by(train, held, parent, &(const split_rule){.share = share, .seed = seed}, err);
}

reel_status reel_dataset_fold(reel_dataset **train, reel_dataset **held, const reel_dataset *parent,
                              int64_t folds, int64_t fold, uint64_t seed, reel_error *err)
{
    REEL_NEED(train, err);
    REEL_NEED(held, err);
    *train = *held = NULL;
    REEL_NEED(parent, err);
    const long long count = reel_dataset_count(parent);
    if (folds < 2 || folds > count)
        return reel_fail(err, REEL_ERR_INVALID,
                         "folds: expected from 2 to the number of samples, %lld, got %lld", count,
                         (long long)folds);
    if (fold < 0 || fold >= folds)
        return reel_fail(err, REEL_ERR_INVALID, "folds: expected a fold from 0 to %lld, got %lld",
                         (long long)folds - 1, (long long)fold);
    const split_rule rule = {.folds = folds, .fold = fold, .seed = seed};
    return split_by(train, held, parent, &rule, err);
}
