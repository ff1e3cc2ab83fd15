/* A source of a program's own that breaks its promises, and what a loader does with it: no samples,
 * labels that are no class, a loader that a fork left behind. */
#include <sys/wait.h>

#include "data/class_weights.h"
#include "data/loader.h"
#include "data/sources/source.h"
#include "tests/support/built_as.h"
#include "tests/unit/data/data_test.h"

static int64_t samples, odd_sample; /* the sample whose label is none */
static reel_bytes picture;

static int64_t own_size(const void *self)
{
    (void)self;
    return samples;
}

static int64_t own_label(const void *self, int64_t index)
{
    (void)self;
    return index == odd_sample ? 7 : index % 3;
}

static reel_status own_sample(const void *self, int64_t index, reel_bytes *bytes, reel_error *err)
{
    (void)self, (void)index;
    REEL_TRY(reel_bytes_reserve(bytes, picture.size + 1, err));
    memcpy(bytes->data, picture.data, picture.size);
    bytes->size = picture.size;
    return REEL_OK;
}

static void own_name(const void *self, int64_t index, char *text, size_t size)
{
    (void)self;
    snprintf(text, size, "picture %d", (int)index);
}

static const reel_source own_source = {.name = "own",
                                       .size = own_size,
                                       .label = own_label,
                                       .sample = own_sample,
                                       .sample_name = own_name};

static reel_dataset *own;

static void make_own(void)
{
    static const char *const classes[] = {"ant", "bee", "cat"};
    reel_error err;
    samples = 9;
    odd_sample = -1;
    picture = encoded(20, 20, 1, true);
    MUST(reel_dataset_create(&own, &own_source, NULL, classes, 3, &err), err);
}

static void free_own(void)
{
    reel_dataset_destroy(own);
    reel_bytes_free(&picture);
}

TestSuite(own_source, .init = make_own, .fini = free_own);

static reel_status own_loader(reel_loader **l, bool balanced, reel_error *err)
{
    const reel_transform t = {.size = 8, .resize = 8};
    reel_loader_config c = reel_loader_config_default();
    c.batch = 3;
    c.workers = 2;
    c.epochs = 1;
    c.shuffle = c.class_balanced = balanced;
    return reel_loader_create(l, own, &t, &c, err);
}

static void expect_no_loader(bool balanced, const char *why)
{
    reel_loader *l = NULL;
    reel_error err = {0};
    cr_expect_eq(own_loader(&l, balanced, &err), REEL_ERR_INVALID);
    cr_expect_str_eq(err.message, why);
    cr_expect_null(l);
}

Test(own_source, a_dataset_without_samples_has_no_loader)
{
    samples = 0;
    expect_no_loader(false, "loader: the dataset has no samples");
}

/* Not a bad file, which would be replaced: the source is wrong. */
Test(own_source, a_label_that_is_no_class_ends_the_run_and_names_the_sample)
{
    reel_loader *l;
    reel_batch batch;
    reel_error err = {0};
    odd_sample = 4;
    cr_expect_eq(reel_dataset_label(own, 4), -1);
    MUST(own_loader(&l, false, &err), err);
    MUST(reel_loader_next(l, &batch, &err), err);
    cr_expect(batch.n == 3 && batch.bad == 0 && batch.labels[2] == 2);
    for (int again = 0; again < 2; again++) {
        cr_expect_eq(reel_loader_next(l, &batch, &err), REEL_ERR_INVALID);
        cr_expect_str_eq(err.message, "picture 4: its label is none of the dataset's classes");
        cr_expect_eq(batch.n, 0);
    }
    reel_loader_destroy(l);
}

Test(own_source, classes_are_not_balanced_by_labels_that_are_none)
{
    reel_loader *l = NULL;
    reel_error err = {0};
    MUST(own_loader(&l, true, &err), err);
    reel_loader_destroy(l);
    odd_sample = 4;
    expect_no_loader(true, "loader: the label of a sample is none of the dataset's classes");
}

/* What counts labels must not count them outside its memory. */
Test(own_source, labels_that_are_none_are_not_split_counted_or_weighed)
{
    reel_dataset *train, *held;
    reel_doubt doubts[8];
    double weights[3];
    reel_error err = {0};
    odd_sample = 4;
    cr_expect_eq(reel_dataset_split(&train, &held, own, 0.4, 1, &err), REEL_ERR_INVALID);
    cr_expect_str_eq(err.message, "split: the label of a sample is none of the dataset's classes");
    cr_expect(!train && !held);
    cr_expect_eq(reel_dataset_fold(&train, &held, own, 3, 1, 1, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_class_weights_balance(weights, own, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_dataset_doubts(own, own, doubts, 8), 0);
}

Test(own_source, a_loader_that_a_fork_left_behind_says_so)
{
    reel_loader *l;
    reel_batch batch;
    reel_error err = {0};
    MUST(own_loader(&l, false, &err), err);
    const pid_t child = fork();
    if (child == 0) {
        const bool refused = reel_loader_next(l, &batch, &err) == REEL_ERR_INVALID &&
                             strstr(err.message, "its workers belong to the process that this one "
                                                 "was forked from") &&
                             batch.n == 0;
        keep_line_counts();
        _exit(refused ? 0 : 1);
    }
    int code = -1;
    cr_assert(child > 0 && waitpid(child, &code, 0) == child);
    cr_expect_eq(code, 0, "the child's loader was not refused");
    MUST(reel_loader_next(l, &batch, &err), err); /* the parent's goes on */
    cr_expect_eq(batch.n, 3);
    reel_loader_destroy(l);
}

/* Labels follow the names, however often these are put into another order. */
Test(own_source, classes_can_be_ordered_again)
{
    static const char *const orders[][3] = {
        {"cat", "ant", "bee"}, {"bee", "cat", "ant"}, {"ant", "bee", "cat"}};
    static const char *const named[] = {"ant", "bee", "cat"};
    reel_error err;
    for (int i = 0; i < REEL_COUNT(orders); i++) {
        bool changed = false;
        MUST(reel_dataset_order_as(own, orders[i], 3, &changed, &err), err);
        cr_expect(changed);
        for (int c = 0; c < 3; c++)
            cr_expect_str_eq(reel_dataset_class_name(own, c), orders[i][c]);
        for (int64_t k = 0; k < samples; k++)
            cr_expect_str_eq(reel_dataset_class_name(own, reel_dataset_label(own, k)), named[k % 3],
                             "order %d, sample %d", i, (int)k);
    }
}
