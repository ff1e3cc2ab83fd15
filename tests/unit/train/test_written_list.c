/* The list of what Reel wrote into a folder: names of all kinds, a cut line, files that have
 * changed. */
#include "tests/unit/train/run_test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "train/cli/picture_folder.h"
#include "train/cli/written_list.h"

static void write_listed(const char *name, const char *text)
{
    char path[300];
    reel_error err;
    const reel_bytes bytes = {.data = (uint8_t *)text, .size = strlen(text)};
    MUST(reel_written_list_add("dir", name, &bytes, &err), err);
    snprintf(path, sizeof path, "dir/%s", name);
    FILE *f = fopen(path, "w");
    cr_assert(f);
    fputs(text, f);
    fclose(f);
}

static bool holds(const reel_written_list *list, const char *name)
{
    bool held;
    reel_error err;
    MUST(reel_written_list_holds(list, "dir", name, &held, &err), err);
    return held;
}

Test(written_list, knows_what_was_written_and_what_has_changed, .init = enter_scratch,
     .fini = leave_scratch)
{
    reel_written_list list;
    reel_error err;
    cr_assert(mkdir("dir", 0700) == 0 && mkdir("dir/cat", 0700) == 0);
    MUST(reel_written_list_read(&list, "dir", &err), err);
    cr_expect(list.n == 0 && !reel_written_list_names(&list, "x.jpg"));
    reel_written_list_free(&list);
    MUST(reel_written_list_read(&list, "nowhere", &err), err);
    cr_expect(list.n == 0);
    reel_written_list_free(&list);

    write_listed("b.jpg", "one");
    write_listed("a b.jpg", "two");
    write_listed("new\nline.jpg", "three");
    write_listed("cat/x.jpg", "four");
    write_listed("b.jpg", "other"); /* replaced: both lines count */
    FILE *f = fopen("dir/.reel-written", "a");
    fputs("12345678 9 cut.jpg", f); /* a full disk: no end of the line */
    fclose(f);

    MUST(reel_written_list_read(&list, "dir", &err), err);
    cr_expect_eq(list.n, 5);
    cr_expect(holds(&list, "a b.jpg") && holds(&list, "b.jpg") && holds(&list, "new\nline.jpg") &&
              holds(&list, "cat/x.jpg"));
    cr_expect(reel_written_list_names(&list, "dog/x.jpg"), "a copy that was moved");
    cr_expect(!holds(&list, "x.jpg") && !reel_written_list_names(&list, "cut.jpg"));
    f = fopen("dir/a b.jpg", "w");
    fputs("tWo", f);
    fclose(f);
    cr_expect(!holds(&list, "a b.jpg") && reel_written_list_names(&list, "a b.jpg"));
    cr_assert(unlink("dir/b.jpg") == 0);
    cr_expect(!holds(&list, "b.jpg"));
    reel_written_list_free(&list);

    cr_expect_eq(reel_picture_folder_own("--annotate", "dir", &err), REEL_OK, "%s", err.message);
    f = fopen("dir/cat/mine.jpg", "w");
    fclose(f);
    cr_expect_eq(reel_picture_folder_own("--annotate", "dir", &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "it holds cat/mine.jpg, which Reel did not write"), "%s",
              err.message);
}
