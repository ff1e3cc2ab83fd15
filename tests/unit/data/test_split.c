/* Holding a share of each class back. */
#include "tests/unit/data/memory_set.h"

/* Class c has sizes[c] samples, in order. */
static const int64_t sizes[] = {1, 2, 5, 40};

static int64_t label_of(int64_t index)
{
    int64_t c = 0;
    while (index >= sizes[c])
        index -= sizes[c++];
    return c;
}

static reel_dataset *parent(void)
{
    static const char *const classes[] = {"a", "b", "c", "d"};
    static struct memory_set set = {.count = 48, .label = label_of};
    return open_memory_set(&set, classes, 4);
}

Test(split, every_sample_is_on_one_side_and_every_class_gives_its_share)
{
    reel_dataset *all = parent(), *train, *held;
    reel_error err;
    cr_assert_eq(reel_dataset_split(&train, &held, all, 0.2, 7, &err), REEL_OK, "%s", err.message);
    int seen[48] = {0}, of_class[4] = {0};
    const reel_dataset *sides[] = {train, held};
    for (int s = 0; s < 2; s++) {
        char text[32], before[32] = "-1";
        for (int64_t i = 0; i < reel_dataset_count(sides[s]); i++) {
            reel_dataset_sample_name(sides[s], i, text, sizeof text);
            cr_assert_gt(atoi(text), atoi(before), "side %d is not in order: %s after %s", s, text,
                         before);
            memcpy(before, text, sizeof text);
            seen[atoi(text)]++;
            if (s == 1)
                of_class[reel_dataset_label(held, i)]++;
        }
    }
    for (int i = 0; i < 48; i++)
        cr_assert_eq(seen[i], 1, "sample %d is on %d sides", i, seen[i]);
    const int expected[] = {0, 1, 1, 8};
    for (int c = 0; c < 4; c++)
        cr_assert_eq(of_class[c], expected[c], "class %d: %d held back, expected %d", c,
                     of_class[c], expected[c]);
    cr_assert_str_eq(reel_dataset_class_name(held, 3), "d");
    reel_dataset_destroy(train);
    reel_dataset_destroy(held);
    reel_dataset_destroy(all);
}

Test(split, a_share_of_all_or_nothing_is_refused)
{
    reel_dataset *all = parent(), *train, *held;
    reel_error err;
    cr_assert_eq(reel_dataset_split(&train, &held, all, 0, 7, &err), REEL_ERR_INVALID);
    cr_assert_eq(reel_dataset_split(&train, &held, all, 1, 7, &err), REEL_ERR_INVALID);
    cr_assert_null(train);
    reel_dataset_destroy(all);
}

/* The samples that fold `fold` holds back: adds one for each in seen, and for its class. */
static int64_t take_fold(const reel_dataset *all, int64_t folds, int64_t fold, int seen[48],
                         int of_class[4])
{
    reel_dataset *train, *held;
    reel_error err;
    cr_assert_eq(reel_dataset_fold(&train, &held, all, folds, fold, 3, &err), REEL_OK, "%s",
                 err.message);
    const int64_t n = reel_dataset_count(held);
    cr_assert_eq(reel_dataset_count(train) + n, 48);
    for (int64_t i = 0; i < n; i++) {
        char text[32];
        reel_dataset_sample_name(held, i, text, sizeof text);
        seen[atoi(text)]++;
        of_class[reel_dataset_label(held, i)]++;
    }
    reel_dataset_destroy(train);
    reel_dataset_destroy(held);
    return n;
}

Test(split, folds_hold_each_sample_back_once_and_differ_by_one_in_each_class)
{
    reel_dataset *all = parent();
    static const int64_t counts[] = {2, 3, 5, 7, 48};
    for (int k = 0; k < REEL_COUNT(counts); k++) {
        int seen[48] = {0};
        for (int64_t fold = 0; fold < counts[k]; fold++) {
            int of_class[4] = {0};
            const int64_t n = take_fold(all, counts[k], fold, seen, of_class);
            cr_expect(n == 48 / counts[k] || n == 48 / counts[k] + 1, "fold of %lld", (long long)n);
            for (int c = 0; c < 4; c++)
                cr_expect(of_class[c] == sizes[c] / counts[k] ||
                              of_class[c] == sizes[c] / counts[k] + 1,
                          "%lld folds: fold %lld has %d of class %d", (long long)counts[k],
                          (long long)fold, of_class[c], c);
        }
        for (int i = 0; i < 48; i++)
            cr_assert_eq(seen[i], 1, "sample %d is held back %d times", i, seen[i]);
    }
    reel_dataset_destroy(all);
}

Test(split, folds_that_cannot_be_are_refused)
{
    static const int64_t wrong[][2] = {{1, 0}, {0, 0}, {49, 0}, {3, 3}, {3, -1}, {-2, 0}};
    reel_dataset *all = parent(), *train, *held;
    for (int i = 0; i < REEL_COUNT(wrong); i++) {
        reel_error err;
        cr_expect_eq(reel_dataset_fold(&train, &held, all, wrong[i][0], wrong[i][1], 3, &err),
                     REEL_ERR_INVALID);
        cr_expect(strstr(err.message, "folds: expected"), "%s", err.message);
    }
    reel_dataset_destroy(all);
}
