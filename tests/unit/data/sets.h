/* Data sets on disk for tests of sources: a folder for each test, and opening what lies in it. */
#ifndef REEL_TESTS_UNIT_DATA_SETS_H
#define REEL_TESTS_UNIT_DATA_SETS_H

#include "tests/unit/data/data_test.h"

/* The test's folder: for TestSuite(..., .init = make_root, .fini = remove_root). */
static char *root;

__attribute__((unused)) static void make_root(void)
{
    root = scratch_folder();
}

__attribute__((unused)) static void remove_root(void)
{
    remove_folder(root);
}

/* A file in the folder, in the place of one that is there. */
__attribute__((unused)) static void put_text(const char *name, const char *text)
{
    write_file(join(root, name), text, strlen(text));
}

__attribute__((unused)) static reel_dataset *opened(const char *data, const char *split)
{
    reel_dataset *d;
    reel_error err;
    MUST(reel_dataset_open(&d, data, split, NULL, 0, &err), err);
    return d;
}

/* It is refused, with these words in the message. */
__attribute__((unused)) static void refused(const char *data, const char *split, const char *words)
{
    reel_dataset *d = NULL;
    reel_error err = {0};
    const reel_status status = reel_dataset_open(&d, data, split, NULL, 0, &err);
    cr_expect(status != REEL_OK && d == NULL, "%s was opened, expected: %s", data, words);
    cr_expect(strstr(err.message, words) != NULL, "%s: expected '%s' in \"%s\"", data, words,
              err.message);
    check_message(&err);
    reel_dataset_destroy(d);
}

/* "a.jpg=cat b.jpg=dog": all samples with the names of their classes. */
__attribute__((unused)) static void expect_samples(const reel_dataset *d, const char *expected)
{
    char text[2000] = "";
    size_t used = 0;
    for (int64_t i = 0; i < reel_dataset_count(d); i++) {
        char name[300];
        reel_dataset_sample_name(d, i, name, sizeof name);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s=%s", i ? " " : "", name,
                                 reel_dataset_class_name(d, reel_dataset_label(d, i)));
    }
    cr_expect(strcmp(text, expected) == 0, "got      %s\nexpected %s", text, expected);
}

__attribute__((unused)) static bool has_note(const reel_dataset *d, const char *words)
{
    for (int64_t i = 0; i < reel_dataset_notes(d); i++)
        if (strstr(reel_dataset_note(d, i), words))
            return true;
    return false;
}

#endif
