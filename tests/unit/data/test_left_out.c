/* What lies in DATA and is not used: how it is counted, named, and told in one line. */
#include <fcntl.h>

#include "data/left_out.h"
#include "tests/unit/data/sets.h"

TestSuite(left_out, .init = make_root, .fini = remove_root);

static void expect_line(const reel_left_out *l, const char *expected)
{
    char text[1000];
    reel_left_out_text(l, text, sizeof text);
    cr_expect_str_eq(text, expected, "got      %s\nexpected %s", text, expected);
}

Test(left_out, kinds_are_counted_by_extension_and_reason)
{
    reel_left_out l = {0}, more = {0};
    expect_line(&l, "");
    reel_left_out_file(&l, "a/b.TXT", NULL);
    reel_left_out_file(&l, "c.txt", NULL);
    reel_left_out_file(&l, "d.txt", "empty");
    reel_left_out_file(&more, "README", NULL);
    reel_left_out_file(&more, ".profile", NULL);
    reel_left_out_file(&more, "c.txt", NULL);
    reel_left_out_add(&more, "folder of a run", NULL, 1);
    reel_left_out_merge(&l, &more);
    expect_line(&l, "3 .txt, 1 .txt (empty), 2 without extension, 1 folder of a run");
    reel_left_out_add(&l, "folder of a run", NULL, 2);
    expect_line(&l, "3 .txt, 1 .txt (empty), 2 without extension, 3 folders of a run");
    reel_left_out named = {0};
    reel_left_out_file(&named, "run/model.safetensors", NULL);
    expect_line(&named, "1 .safetensors");
}

/* The table has room for 24 kinds: what comes after is counted with the last of them. */
Test(left_out, more_kinds_than_there_is_room_for_are_counted_as_other)
{
    reel_left_out l = {0};
    char name[20], text[1000];
    for (int i = 0; i < 30; i++)
        for (int k = 0; k <= i; k++) {
            snprintf(name, sizeof name, "x.e%d", i);
            reel_left_out_file(&l, name, NULL);
        }
    cr_expect_eq(l.n, 24);
    reel_left_out_text(&l, text, sizeof text);
    cr_expect(strncmp(text, "1 .e0, 2 .e1, 3 .e2, ", 21) == 0, "%s", text);
    cr_expect(strstr(text, ", 23 .e22, 189 other"), "%s", text); /* 24 + 25 + ... + 30 */
}

Test(left_out, folders_are_named_while_there_is_room)
{
    reel_left_out l = {0};
    reel_left_out_folder(&l, "holdout", 40);
    reel_left_out_folder(&l, "dev", 1);
    reel_left_out_folder(&l, "empty", 0);
    expect_line(&l, "holdout/ (40 images), dev/ (1 image), 1 folder without images: empty");

    char name[20], text[1000];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "none%d", i);
        reel_left_out_folder(&l, name, 0);
    }
    reel_left_out_folder(&l, "late", 7);
    reel_left_out_text(&l, text, sizeof text);
    cr_expect(strstr(text, "dev/ (1 image), 1 other folder (7 images), 21 folders without images: "
                           "empty, none0, "),
              "%s", text);
    cr_expect(strstr(text, ", none12, ...") && !strstr(text, "none13"), "%s", text);
}

Test(left_out, the_line_is_cut_to_the_room_that_it_has)
{
    reel_left_out l = {0};
    char whole[200], cut[200];
    reel_left_out_file(&l, "a.txt", "empty");
    reel_left_out_file(&l, "b.doc", NULL);
    reel_left_out_folder(&l, "holdout", 40);
    reel_left_out_text(&l, whole, sizeof whole);
    for (size_t size = 1; size <= strlen(whole) + 1; size++) {
        memset(cut, 'x', sizeof cut);
        reel_left_out_text(&l, cut, size);
        cr_expect(strlen(cut) == size - 1 && strncmp(cut, whole, size - 1) == 0,
                  "%zu bytes: \"%s\"", size, cut);
        cr_expect_eq(cut[size], 'x', "%zu bytes: more was written", size);
    }
}

/* A name that says nothing is looked into; pipes and empty files are told as that. */
Test(left_out, files_that_hold_no_image_are_told_with_the_reason)
{
    reel_left_out l = {0};
    reel_image image = draw(8, 8, 1);
    reel_error err;
    MUST(reel_image_write_png(&image, join(root, "picture"), &err), err);
    reel_image_free(&image);
    write_file(join(root, "nothing"), "", 0);
    write_file(join(root, "text"), "some text", 9);
    cr_assert(mkfifo(join(root, "pipe"), 0600) == 0);
    const int folder = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert(folder >= 0);
    cr_expect(reel_is_image_file(folder, "picture", false, &l));
    cr_expect(reel_is_image_file(folder, "absent.jpg", false, &l)); /* its reader says so */
    const char *const none[] = {"nothing", "text", "pipe", "absent"};
    for (int i = 0; i < REEL_COUNT(none); i++)
        cr_expect_not(reel_is_image_file(folder, none[i], false, &l), "%s", none[i]);
    close(folder);
    expect_line(&l, "1 without extension (empty), 1 without extension, 1 without extension (not a "
                    "regular file), 1 without extension (cannot be read)");
}
