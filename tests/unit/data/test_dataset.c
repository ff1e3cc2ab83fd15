/* Datasets from a source of one's own, and two sides whose classes differ. */
#include "data/dataset.h"
#include "data/sources/source.h"
#include "tests/unit/data/data_test.h"

static int destroyed;

static int64_t three(const void *self)
{
    (void)self;
    return 3;
}

static int64_t always_first(const void *self, int64_t index)
{
    (void)self, (void)index;
    return 0;
}

static reel_status no_sample(const void *self, int64_t index, reel_bytes *bytes, reel_error *err)
{
    (void)self, (void)bytes;
    return reel_fail(err, REEL_ERR_IO, "sample %d", (int)index);
}

static void sample_number(const void *self, int64_t index, char *text, size_t size)
{
    (void)self;
    snprintf(text, size, "%d", (int)index);
}

static void count_destroyed(void *self)
{
    (void)self;
    destroyed++;
}

static const reel_source of_three = {.name = "three",
                                     .size = three,
                                     .label = always_first,
                                     .sample = no_sample,
                                     .sample_name = sample_number,
                                     .destroy = count_destroyed};

static reel_dataset *dataset_of(const char *const *classes, int64_t n)
{
    reel_dataset *d;
    reel_error err;
    MUST(reel_dataset_create(&d, &of_three, NULL, classes, n, &err), err);
    return d;
}

Test(dataset, a_source_is_destroyed_once_also_where_its_dataset_is_refused)
{
    static const char *const holes[] = {"ant", NULL, "cat"};
    reel_dataset *d = NULL;
    reel_error err = {0};
    cr_expect_eq(reel_dataset_create(&d, &of_three, NULL, holes, 3, &err), REEL_ERR_INVALID);
    cr_expect_str_eq(err.message, "dataset: classes, or one of them, is NULL");
    cr_expect(d == NULL && destroyed == 1, "destroyed %d times", destroyed);
    cr_expect_eq(reel_dataset_create(&d, &of_three, NULL, NULL, 3, &err), REEL_ERR_INVALID);
    cr_expect(d == NULL && destroyed == 2, "destroyed %d times", destroyed);
    cr_expect_eq(reel_dataset_create(&d, &of_three, NULL, holes, 0, &err), REEL_ERR_INVALID);
    cr_expect(d == NULL && destroyed == 3, "destroyed %d times", destroyed);

    d = dataset_of((const char *const[]){"ant"}, 1);
    cr_expect(reel_dataset_count(d) == 3 && destroyed == 3);
    reel_dataset_destroy(d);
    cr_expect_eq(destroyed, 4, "destroyed %d times", destroyed);
}

static void expect_difference(const reel_dataset *train, const reel_dataset *val,
                              const char *message)
{
    reel_error err = {0};
    cr_expect_eq(reel_dataset_same_classes(train, val, &err), REEL_ERR_INVALID);
    cr_expect_str_eq(err.message, message, "got      %s\nexpected %s", err.message, message);
}

Test(dataset, classes_that_differ_are_listed_and_another_order_is_told_as_that)
{
    reel_dataset *abc = dataset_of((const char *const[]){"ant", "bee", "cat"}, 3),
                 *cba = dataset_of((const char *const[]){"cat", "bee", "ant"}, 3),
                 *abd = dataset_of((const char *const[]){"ant", "bee", "dog\n"}, 3);
    reel_error err;
    MUST(reel_dataset_same_classes(abc, abc, &err), err);
    expect_difference(abc, cba,
                      "training and validation data have the same classes in another order");
    expect_difference(abc, abd,
                      "classes differ: only in the training data: cat; only in the validation "
                      "data: dog\\x0a");
    reel_dataset_destroy(abc);
    reel_dataset_destroy(cba);
    reel_dataset_destroy(abd);
}

Test(dataset, at_most_ten_classes_that_differ_are_named)
{
    static const char *const letters[] = {"a", "b", "c", "d", "e", "f", "g",
                                          "h", "i", "j", "k", "l", "m"};
    reel_dataset *all = dataset_of(letters, 13), *one = dataset_of(letters, 1),
                 *eleven = dataset_of(letters, 11);
    expect_difference(all, one,
                      "classes differ: only in the training data: b, c, d, e, f, g, h, i, j, k "
                      "and 2 more");
    expect_difference(one, eleven,
                      "classes differ: only in the validation data: b, c, d, e, f, g, h, i, j, k");
    reel_dataset_destroy(all);
    reel_dataset_destroy(one);
    reel_dataset_destroy(eleven);
}
