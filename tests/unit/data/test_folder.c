/* Image folders: order, labels, names that are hard, and what is refused. */
#include "tests/unit/data/data_test.h"

static reel_error err;
static reel_dataset *data;
static char *root;

static void set_up(void)
{
    root = scratch_folder();
}

static void tear_down(void)
{
    reel_dataset_destroy(data);
    remove_folder(root);
}

TestSuite(folder, .init = set_up, .fini = tear_down);

static void touch(const char *name)
{
    write_file(join(root, name), "x", 1);
}

static void expect_names(const char *const *names, const int64_t *labels, int64_t n)
{
    cr_assert(reel_dataset_count(data) == n, "%" PRId64 " samples, expected %" PRId64,
              reel_dataset_count(data), n);
    for (int64_t i = 0; i < n; i++) {
        char name[300];
        reel_dataset_sample_name(data, i, name, sizeof name);
        cr_expect(strcmp(name, names[i]) == 0, "sample %" PRId64 " is %s, expected %s", i, name,
                  names[i]);
        cr_expect(reel_dataset_label(data, i) == labels[i],
                  "sample %" PRId64 ": label %" PRId64 ", expected %" PRId64, i,
                  reel_dataset_label(data, i), labels[i]);
    }
}

static void expect_failure(reel_status expected, const char *word)
{
    const reel_status status = reel_dataset_folder(&data, root, &err);
    cr_expect(status == expected, "status %d, expected %d", (int)status, (int)expected);
    cr_expect(data == NULL);
    check_message(&err);
    cr_expect(strstr(err.message, word) != NULL, "\"%s\" does not say \"%s\"", err.message, word);
}

Test(folder, classes_and_files_come_in_bytewise_order_at_any_depth)
{
    static const char *const folders[] = {"b", "a", "Z", "a/deep", "a/deep/deeper", "a/deep-er"};
    static const char *const files[] = {"b/2.jpg",         "b/10.jpeg",    "b/1.PNG",
                                        "a/z.JPG",         "a/deep/x.png", "a/deep/deeper/y.jpg",
                                        "a/deep-er/w.jpg", "a/notes.txt",  "a/jpg",
                                        "Z/only.JpEg",     "readme.md"};
    for (int64_t i = 0; i < REEL_COUNT(folders); i++)
        make_folder(join(root, folders[i]));
    for (int64_t i = 0; i < REEL_COUNT(files); i++)
        touch(files[i]);
    MUST(reel_dataset_folder(&data, root, &err), err);
    cr_expect(reel_dataset_classes(data) == 3);
    cr_expect(strcmp(reel_dataset_class_name(data, 0), "Z") == 0);
    cr_expect(strcmp(reel_dataset_class_name(data, 2), "b") == 0);
    expect_names((const char *const[]){"Z/only.JpEg", "a/deep-er/w.jpg", "a/deep/deeper/y.jpg",
                                       "a/deep/x.png", "a/z.JPG", "b/1.PNG", "b/10.jpeg",
                                       "b/2.jpg"},
                 (const int64_t[]){0, 1, 1, 1, 1, 2, 2, 2}, 8);
}

Test(folder, a_missing_folder_and_a_file_in_its_place_are_io_errors)
{
    cr_expect(reel_dataset_folder(&data, join(root, "nowhere"), &err) == REEL_ERR_IO);
    cr_expect(strstr(err.message, "nowhere") != NULL, "\"%s\"", err.message);
    touch("file");
    cr_expect(reel_dataset_folder(&data, join(root, "file"), &err) == REEL_ERR_IO);
    check_message(&err);
}

Test(folder, an_empty_root_is_refused)
{
    touch("x.jpg");
    expect_failure(REEL_ERR_INVALID, "no class folders");
}

Test(folder, a_class_without_images_is_refused_by_its_name)
{
    make_folder(join(root, "full"));
    touch("full/x.jpg");
    make_folder(join(root, "hollow"));
    touch("hollow/notes.txt");
    touch("hollow/.x.jpg");
    expect_failure(REEL_ERR_INVALID, "hollow");
}

Test(folder, hidden_files_are_skipped_and_counted)
{
    make_folder(join(root, "a"));
    make_folder(join(root, ".git"));
    touch("a/x.jpg");
    touch("a/._x.jpg");
    touch("a/.DS_Store");
    MUST(reel_dataset_folder(&data, root, &err), err);
    expect_names((const char *const[]){"a/x.jpg"}, (const int64_t[]){0}, 1);
    cr_expect(reel_dataset_hidden(data) == 3, "%" PRId64 " hidden, expected 3",
              reel_dataset_hidden(data));
}

Test(folder, symbolic_links_are_followed_once_and_loops_end)
{
    make_folder(join(root, "a"));
    make_folder(join(root, "b"));
    make_folder(join(root, "b/real"));
    touch("a/x.jpg");
    touch("b/real/y.jpg");
    cr_assert(symlink("..", join(root, "a/up")) == 0);
    cr_assert(symlink(".", join(root, "a/self")) == 0);
    cr_assert(symlink("real", join(root, "b/zlink")) == 0);
    cr_assert(symlink("gone.jpg", join(root, "b/dangling.jpg")) == 0);
    cr_assert(symlink("loop.jpg", join(root, "b/loop.jpg")) == 0);
    const double begin = now();
    MUST(reel_dataset_folder(&data, root, &err), err);
    cr_expect(now() - begin < 1);
    /* Through a/up the whole root is below a, but each folder once. */
    expect_names((const char *const[]){"a/up/b/dangling.jpg", "a/up/b/loop.jpg",
                                       "a/up/b/real/y.jpg", "a/x.jpg", "b/dangling.jpg",
                                       "b/loop.jpg", "b/real/y.jpg"},
                 (const int64_t[]){0, 0, 0, 0, 1, 1, 1}, 7);
    reel_bytes bytes = {0};
    MUST(reel_dataset_read(data, 6, &bytes, &err), err);
    cr_expect(reel_dataset_read(data, 4, &bytes, &err) == REEL_ERR_IO, "a dangling link was read");
    check_message(&err);
    cr_expect(reel_dataset_read(data, 5, &bytes, &err) == REEL_ERR_IO, "a link to itself was read");
    reel_bytes_free(&bytes);
}

Test(folder, hard_names_work_and_are_shown_on_one_printable_line)
{
    char longest[3 + 255 + 1] = "-c/"; /* the longest name a file system takes */
    memset(longest + 3, 'n', 255);
    memcpy(longest + 3 + 251, ".jpg", 5);
    static const char *const files[] = {"-c/new\nline.jpg", "-c/ space .jpg", "-c/\xff\xfe.jpg",
                                        "-c/--help.jpg", "-c/caf\xc3\xa9.jpg"};
    make_folder(join(root, "-c"));
    for (int64_t i = 0; i < REEL_COUNT(files); i++)
        touch(files[i]);
    touch(longest);
    MUST(reel_dataset_folder(&data, root, &err), err);
    cr_assert(reel_dataset_count(data) == 6, "%" PRId64 " samples", reel_dataset_count(data));
    char name[600];
    reel_bytes bytes = {0};
    for (int64_t i = 0; i < 6; i++) {
        reel_dataset_sample_name(data, i, name, sizeof name);
        for (const char *s = name; *s; s++)
            cr_expect((unsigned char)*s >= 0x20, "byte %02x in \"%s\"", (unsigned char)*s, name);
        MUST(reel_dataset_read(data, i, &bytes, &err), err);
        cr_expect(bytes.size == 1 && bytes.data[0] == 'x');
    }
    reel_dataset_sample_name(data, 5, name, sizeof name);
    cr_expect(strcmp(name, "-c/\\xff\\xfe.jpg") == 0, "%s", name);
    reel_dataset_sample_name(data, 5, name, 4);
    cr_expect(strcmp(name, "-c/") == 0, "%s", name);
    reel_bytes_free(&bytes);
}

Test(folder, a_pipe_or_folder_named_like_an_image_does_not_stall)
{
    make_folder(join(root, "a"));
    make_folder(join(root, "a/folder.jpg"));
    touch("a/folder.jpg/in.jpg");
    cr_assert(mkfifo(join(root, "a/pipe.jpg"), 0666) == 0);
    MUST(reel_dataset_folder(&data, root, &err), err);
    expect_names((const char *const[]){"a/folder.jpg/in.jpg", "a/pipe.jpg"},
                 (const int64_t[]){0, 0}, 2);
    reel_bytes bytes = {0};
    cr_expect(reel_dataset_read(data, 1, &bytes, &err) == REEL_ERR_IO);
    reel_bytes_free(&bytes);
}

Test(folder, reading_grows_the_buffer_and_reuses_it)
{
    make_folder(join(root, "a"));
    char *big = malloc(1 << 20);
    memset(big, 'b', 1 << 20);
    write_file(join(root, "a/1.jpg"), big, 1 << 20);
    write_file(join(root, "a/2.jpg"), "", 0);
    MUST(reel_dataset_folder(&data, root, &err), err);
    reel_bytes bytes = {0};
    MUST(reel_dataset_read(data, 0, &bytes, &err), err);
    cr_expect(bytes.size == 1 << 20 && first_difference(bytes.data, big, 1 << 20) < 0);
    const uint8_t *before = bytes.data;
    MUST(reel_dataset_read(data, 1, &bytes, &err), err);
    cr_expect(bytes.size == 0);
    MUST(reel_dataset_read(data, 0, &bytes, &err), err);
    cr_expect(bytes.data == before && bytes.size == 1 << 20);
    cr_assert(unlink(join(root, "a/1.jpg")) == 0);
    cr_expect(reel_dataset_read(data, 0, &bytes, &err) == REEL_ERR_IO);
    cr_expect(strstr(err.message, "No such file") != NULL, "%s", err.message);
    reel_bytes_free(&bytes);
    free(big);
}

Test(folder, the_working_directory_may_change)
{
    make_folder(join(root, "a"));
    touch("a/x.jpg");
    cr_assert(chdir(root) == 0);
    MUST(reel_dataset_folder(&data, ".", &err), err);
    cr_assert(chdir("/") == 0);
    reel_bytes bytes = {0};
    MUST(reel_dataset_read(data, 0, &bytes, &err), err);
    reel_bytes_free(&bytes);
}

Test(folder, a_subset_shows_its_samples_in_its_order)
{
    static const char *const files[] = {"a/1.jpg", "a/2.jpg", "b/3.jpg"};
    make_folder(join(root, "a"));
    make_folder(join(root, "b"));
    for (int i = 0; i < 3; i++)
        touch(files[i]);
    reel_dataset *parent;
    MUST(reel_dataset_folder(&parent, root, &err), err);
    MUST(reel_dataset_subset(&data, parent, (const int64_t[]){2, 0, 2}, 3, &err), err);
    expect_names((const char *const[]){"b/3.jpg", "a/1.jpg", "b/3.jpg"}, (const int64_t[]){1, 0, 1},
                 3);
    cr_expect(reel_dataset_classes(data) == 2);
    reel_bytes bytes = {0};
    MUST(reel_dataset_read(data, 1, &bytes, &err), err);
    reel_bytes_free(&bytes);
    reel_dataset *none;
    cr_expect(reel_dataset_subset(&none, parent, (const int64_t[]){3}, 1, &err) ==
              REEL_ERR_INVALID);
    check_message(&err);
    cr_expect(reel_dataset_subset(&none, parent, NULL, 0, &err) == REEL_ERR_INVALID);
    reel_dataset_destroy(data);
    data = NULL;
    reel_dataset_destroy(parent);
}

Test(folder, classes_that_differ_are_listed)
{
    static const char *const files[] = {"t", "t/cat", "t/cow",   "t/dog",
                                        "v", "v/cat", "v/ow\nl", "v/dog"};
    for (int64_t i = 0; i < REEL_COUNT(files); i++)
        make_folder(join(root, files[i]));
    touch("t/cat/x.jpg");
    touch("t/cow/x.jpg");
    touch("t/dog/x.jpg");
    touch("v/cat/x.jpg");
    touch("v/ow\nl/x.jpg");
    touch("v/dog/x.jpg");
    reel_dataset *val;
    MUST(reel_dataset_folder(&data, join(root, "t"), &err), err);
    MUST(reel_dataset_folder(&val, join(root, "v"), &err), err);
    MUST(reel_dataset_same_classes(data, data, &err), err);
    cr_expect(reel_dataset_same_classes(data, val, &err) == REEL_ERR_INVALID);
    check_message(&err);
    cr_expect(strcmp(err.message, "classes differ: only in the training data: cow; only in the "
                                  "validation data: ow\\x0al") == 0,
              "\"%s\"", err.message);
    reel_dataset_destroy(val);
}
