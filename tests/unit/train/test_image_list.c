/* Folders of images as people have them: very deep, with parts that may not be opened. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "train/cli/image_list.h"

/* Two letters a level: as deep as a path can name. The stack must not depend on it. */
Test(image_list, the_deepest_folder_is_walked)
{
    enum { LEVELS = 1900 };
    char top[] = "/tmp/reel-deep-XXXXXX";
    reel_image_list list = {0};
    reel_error err = {0};
    cr_assert(mkdtemp(top) && chdir(top) == 0);
    for (int i = 0; i < LEVELS; i++)
        cr_assert(mkdir("a", 0700) == 0 && chdir("a") == 0, "level %d", i);
    FILE *file = fopen("x.jpg", "w");
    cr_assert(file && fclose(file) == 0);
    const reel_status status = reel_image_list_add(&list, top, &err);
    /* With few file descriptors to have, the level that cannot be opened is in the list instead. */
    cr_expect(status == REEL_OK && list.n == 1, "%d: %s: %d images, expected 1", (int)status,
              err.message, (int)list.n);
    reel_image_list_free(&list);
    cr_expect(unlink("x.jpg") == 0);
    for (int i = 0; i < LEVELS; i++)
        cr_expect(chdir("..") == 0 && rmdir("a") == 0, "level %d", i);
    cr_expect(rmdir(top) == 0);
}

static void make_file(const char *path)
{
    FILE *file = fopen(path, "w");
    cr_assert(file && fclose(file) == 0, "%s", path);
}

Test(image_list, a_folder_that_may_not_be_opened_is_listed_and_the_others_are_walked)
{
    static const char *const expected[] = {"a/x.jpg", "b", "c/x.jpg"};
    char top[] = "/tmp/reel-list-XXXXXX";
    reel_image_list list = {0};
    reel_error err = {0};
    cr_assert(mkdtemp(top) && chdir(top) == 0 && chmod(top, 0755) == 0);
    cr_assert(mkdir("a", 0755) == 0 && mkdir("b", 0) == 0 && mkdir("c", 0755) == 0);
    make_file("a/x.jpg");
    make_file("c/x.jpg");
    const uid_t me = geteuid();
    if (me == 0)
        cr_assert(seteuid(65534) == 0); /* to whom "may not" applies */
    const reel_status status = reel_image_list_add(&list, top, &err);
    cr_assert(seteuid(me) == 0);
    cr_assert(status == REEL_OK && list.n == 3, "%d: %s: %d entries, expected 3", (int)status,
              err.message, (int)list.n);
    for (int i = 0; i < 3; i++)
        cr_expect_str_eq(list.paths[i] + strlen(top) + 1, expected[i], "entry %d: %s, expected %s",
                         i, list.paths[i], expected[i]);
    reel_image_list_free(&list);
    unlink("a/x.jpg");
    unlink("c/x.jpg");
    cr_expect(rmdir("a") == 0 && rmdir("b") == 0 && rmdir("c") == 0 && rmdir(top) == 0);
}
