/* --copy-into: names of class folders, and copies that replace nothing. */
#include "tests/unit/train/run_test.h"

#include <stdlib.h>
#include <unistd.h>

#include "train/cli/sorted_copy.h"

static reel_model_card card;

static void make_card(const char *const *names, int64_t classes)
{
    reel_error err;
    card = (reel_model_card){.classes = classes};
    MUST(reel_model_card_make_names(&card, classes, &err), err);
    for (int64_t c = 0; c < classes; c++)
        MUST(reel_model_card_set_name(&card, c, names[c], &err), err);
}

static void expect_folder(int64_t class, const char *expected)
{
    char text[250];
    reel_class_folder(&card, class, text, sizeof text);
    cr_expect_str_eq(text, expected, "class %d: '%s', expected '%s'", (int)class, text, expected);
}

Test(sorted_copy, gives_each_class_a_folder_of_its_own)
{
    char long_name[400] = "";
    for (int i = 0; i < 100; i++)
        strcat(long_name, "\xc3\xa4x"); /* two bytes, then one: the cut falls into a character */
    const char *const names[] = {
        "tench, Tinca tinca", "crane", "a/b",  "..",      "crane",   "",
        "new\nline",          "a_b",   ".git", long_name, "caf\\xe9"}; /* Latin-1, as a card keeps
                                                                          it */
    make_card(names, REEL_COUNT(names));
    expect_folder(0, "tench, Tinca tinca");
    expect_folder(1, "crane-1");
    expect_folder(4, "crane-4");
    expect_folder(2, "a_b-2");
    expect_folder(7, "a_b-7");
    expect_folder(3, "_.");
    expect_folder(5, "_");
    expect_folder(6, "new_line");
    expect_folder(8, "_git");
    expect_folder(10, "caf\xe9");

    char text[250];
    reel_class_folder(&card, 9, text, sizeof text);
    cr_expect(strlen(text) <= 200 && strlen(text) > 190, "%zu bytes", strlen(text));
    cr_expect(((unsigned char)text[strlen(text) - 1] & 0xc0) != 0xc0, "a character is cut: %s",
              text);
    reel_model_card_free(&card);

    card = (reel_model_card){.classes = 3}; /* without names */
    expect_folder(2, "class 2");
}

Test(sorted_copy, no_name_leads_out_of_the_folder_and_no_two_classes_share_one)
{
    static const char *const names[] = {
        "./../../x\x1b[31m", "..", ".", "../..", ".\n", "a", "a", "a-5", "b-0", "a-5-7"};
    make_card(names, REEL_COUNT(names));
    expect_folder(0, "__.._.._x_[31m");
    expect_folder(1, "_.");
    expect_folder(2, "_");
    expect_folder(3, "_._..");
    expect_folder(4, "__");
    expect_folder(5, "a-5");
    expect_folder(6, "a-6");
    expect_folder(7, "a-5-7");
    expect_folder(8, "b-0");
    expect_folder(9, "a-5-7-9");
    reel_model_card_free(&card);
}

static const char *add(reel_sorted_copy *copies, const char *path, const char *bytes)
{
    reel_error err;
    const reel_bytes b = {.data = (uint8_t *)bytes, .size = strlen(bytes)};
    MUST(reel_sorted_copy_add(copies, &card, 0, path, &b, &err), err);
    return copies->last;
}

Test(sorted_copy, replaces_nothing_and_copies_nothing_twice, .init = enter_scratch,
     .fini = leave_scratch)
{
    static const char *const names[] = {"cat"};
    reel_sorted_copy copies;
    reel_error err;
    make_card(names, 1);
    MUST(reel_sorted_copy_open(&copies, "into", 1, &err), err);
    cr_expect_str_eq(add(&copies, "a/x.tar.gz", "one"), "into/cat/x.tar.gz");
    cr_expect_str_eq(add(&copies, "b/x.tar.gz", "one"), "into/cat/x.tar-2.gz");
    cr_expect_str_eq(add(&copies, "x", "two"), "into/cat/x");
    cr_expect_str_eq(add(&copies, "x", "three"), "into/cat/x-2");
    cr_expect_str_eq(add(&copies, ".x", "four"), "into/cat/.x");
    cr_expect(copies.already_there == 0 && copies.folders == 1);

    /* A number that makes the name too long for the file system takes the place of its end. */
    char name[256], expected[300];
    memset(name, 'n', 255);
    memcpy(name + 251, ".jpg", 5);
    add(&copies, name, "five");
    snprintf(expected, sizeof expected, "into/cat/%.243s-2.jpg", name);
    cr_expect_str_eq(add(&copies, name, "five"), expected);
    reel_sorted_copy_free(&copies);

    MUST(reel_sorted_copy_open(&copies, "into", 1, &err), err);
    cr_expect_str_eq(add(&copies, "x", "three"), "into/cat/x-2");
    cr_expect_str_eq(add(&copies, "x", "five"), "into/cat/x-3");
    cr_expect_eq(copies.already_there, 1);
    reel_sorted_copy_free(&copies);
    reel_model_card_free(&card);
}
