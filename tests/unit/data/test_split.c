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
