/* The fingerprint of a dataset follows its classes, names and labels, and nothing else. */
#include "tests/unit/data/memory_set.h"

static int64_t in_turn(int64_t index)
{
    return index % 2;
}

static int64_t two_of_each(int64_t index)
{
    return index / 2;
}

static uint64_t fingerprint_of(int64_t count, int64_t (*label)(int64_t), const char *const *classes)
{
    struct memory_set set = {.count = count, .label = label};
    reel_dataset *d = open_memory_set(&set, classes, 2);
    const uint64_t fingerprint = reel_dataset_fingerprint(d);
    reel_dataset_destroy(d);
    return fingerprint;
}

Test(fingerprint, differs_where_classes_names_labels_or_their_number_do)
{
    static const char *const usual[] = {"a", "bc"}, *const cut[] = {"ab", "c"};
    const uint64_t all[] = {fingerprint_of(4, in_turn, usual), fingerprint_of(4, in_turn, cut),
                            fingerprint_of(3, in_turn, usual),
                            fingerprint_of(4, two_of_each, usual)};
    for (int i = 0; i < REEL_COUNT(all); i++)
        for (int k = 0; k < i; k++)
            cr_expect_neq(all[i], all[k], "sets %d and %d", k, i);
    cr_expect_eq(fingerprint_of(4, in_turn, usual), all[0], "another call, another fingerprint");
    cr_expect_eq(reel_dataset_fingerprint(NULL), 0);
}

/* Ranks may run on machines of different kinds. */
Test(fingerprint, is_the_stated_hash)
{
    static const char *const classes[] = {"a", "bc"};
    static const uint8_t bytes[] = "\2\0\0\0\0\0\0\0a\0bc\0\1\0\0\0\0\0\0\0"
                                   "0\0\0\0\0\0\0\0\0";
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < sizeof bytes; i++) /* the last 0 is the string's */
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    cr_expect_eq(fingerprint_of(1, in_turn, classes), hash);
}

/* A view has other samples, though the same files. */
Test(fingerprint, of_a_view_is_that_of_its_samples)
{
    static const char *const classes[] = {"a", "b"};
    struct memory_set set = {.count = 6, .label = in_turn};
    const int64_t some[] = {0, 1, 2, 3}, mixed[] = {1, 0, 2, 3};
    reel_dataset *whole = open_memory_set(&set, classes, 2), *view, *other;
    reel_error err;
    MUST(reel_dataset_subset(&view, whole, some, 4, &err), err);
    MUST(reel_dataset_subset(&other, whole, mixed, 4, &err), err);
    cr_expect_eq(reel_dataset_fingerprint(view), fingerprint_of(4, in_turn, classes));
    cr_expect_neq(reel_dataset_fingerprint(view), reel_dataset_fingerprint(other));
    reel_dataset_destroy(view);
    reel_dataset_destroy(other);
    reel_dataset_destroy(whole);
}
