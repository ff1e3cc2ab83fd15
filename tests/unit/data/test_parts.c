/* Folders beside train/ and val/, folders without images, folders that look like parts of a data
 * set: what is used, what is counted, what is doubted. */
#include "tests/unit/data/sets.h"

TestSuite(parts, .init = make_root, .fini = remove_root);

/* "a/b/c.jpg": the file with the folders above it; a path that ends in '/' is a folder. */
static void put(const char *path)
{
    char part[300];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        cr_assert(mkdir(join(root, part), 0700) == 0 || errno == EEXIST);
    }
    if (path[strlen(path) - 1] != '/')
        write_file(join(root, path), "x", 1);
}

static void put_classes(const char *folder)
{
    static const char *const files[] = {"cat/1.jpg", "cat/2.jpg", "dog/1.jpg"};
    char path[300];
    for (int64_t i = 0; i < REEL_COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        put(path);
    }
}

static void expect_left_out(const reel_dataset *d, const char *expected)
{
    char text[600];
    cr_expect_str_eq(reel_left_out_text(reel_dataset_left_out(d), text, sizeof text), expected);
}

static bool is_noted(const reel_dataset *d, const char *words)
{
    for (int64_t i = 0; i < reel_dataset_notes(d); i++)
        if (strstr(reel_dataset_note(d, i), words))
            return true;
    return false;
}

Test(parts, folders_beside_the_parts_are_counted_with_their_images)
{
    put_classes("train");
    put_classes("val");
    put_classes("test");
    put_classes("kontrolle");
    put_classes("validate");
    put("raw/deep/deeper/1.JPG");
    put("raw/notes.txt");
    put("docs/readme.txt");
    reel_dataset *d = opened(root, "train");
    cr_expect(reel_dataset_count(d) == 3);
    expect_left_out(d, "kontrolle/ (3 images), raw/ (1 image), validate/ (3 images)");
    reel_dataset_destroy(d);

    /* Once for both sides, and nothing beside a DATA that is train/ itself. */
    d = opened(root, "val");
    expect_left_out(d, "");
    reel_dataset_destroy(d);
    d = opened(join(root, "train"), NULL);
    expect_left_out(d, "");
    reel_dataset_destroy(d);
}

Test(parts, many_folders_are_counted_in_one_line)
{
    char path[100];
    put_classes("train");
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "heap%02d/1.jpg", i);
        put(path);
    }
    char text[900];
    reel_dataset *d = opened(root, "train");
    reel_left_out_text(reel_dataset_left_out(d), text, sizeof text);
    cr_expect(strstr(text, "heap15/ (1 image), 4 other folders (4 images)") != NULL, "%s", text);
    reel_dataset_destroy(d);
}

Test(parts, validation_data_is_found_by_more_names)
{
    static const char *const names[] = {"validate",   "holdout",     "dev",       "eval",
                                        "Validation", "hold_out",    "heldout",   "held_out",
                                        "hold-out",   "Validierung", "evaluation"};
    char from[300], to[300];
    put_classes("train");
    put_classes("other");
    snprintf(from, sizeof from, "%s", join(root, "other"));
    for (int64_t i = 0; i < REEL_COUNT(names); i++) {
        snprintf(to, sizeof to, "%s", join(root, names[i]));
        cr_assert(rename(from, to) == 0);
        cr_expect(reel_dataset_has(root, "val"), "%s is not found", names[i]);
        reel_dataset *d = opened(root, "val");
        cr_expect(reel_dataset_count(d) == 3 && reel_dataset_classes(d) == 2);
        cr_expect(is_noted(d, "is taken for the validation images"), "%s", names[i]);
        reel_dataset_destroy(d);
        snprintf(from, sizeof from, "%s", to);
    }
}

Test(parts, a_folder_without_class_folders_does_not_validate)
{
    put_classes("train");
    put("eval_plots/loss.png");
    put("test/1.jpg");
    cr_expect(!reel_dataset_has(root, "val"));
    reel_dataset *d = opened(root, NULL);
    cr_expect(reel_dataset_count(d) == 3);
    expect_left_out(d, "eval_plots/ (1 image), test/ (1 image)");
    reel_dataset_destroy(d);
}

Test(parts, parts_with_the_same_classes_stay_parts_whatever_lies_beside_them)
{
    put_classes("Training");
    put_classes("Validierung");
    put("__MACOSX/Training/");
    put("docs/readme.txt");
    put_classes("more");
    reel_dataset *d = opened(root, "train");
    cr_expect(reel_dataset_classes(d) == 2);
    cr_expect_str_eq(reel_dataset_class_name(d, 0), "cat");
    expect_left_out(d, "more/ (3 images)");
    reel_dataset_destroy(d);
    cr_expect(reel_dataset_has(root, "val"));
}

Test(parts, top_folders_that_hold_the_same_folders_are_doubted_by_name)
{
    put_classes("Lernen");
    put_classes("Pruefen");
    reel_dataset *d = opened(root, NULL);
    cr_expect(reel_dataset_classes(d) == 2);
    cr_expect(is_noted(d,
                       "Lernen/, Pruefen/ hold the same folders (cat, dog): each is taken for one "
                       "class"));
    reel_dataset_destroy(d);

    /* One common folder is no sign, nor are folders in some classes. */
    put("Pruefen2/cat/1.jpg");
    d = opened(root, NULL);
    cr_expect(!is_noted(d, "hold the same folders"));
    reel_dataset_destroy(d);
}

Test(parts, folders_without_images_are_no_classes)
{
    put_classes("all");
    put("all/Unsorted/notes.txt");
    put("all/Unsorted/.hidden.jpg");
    put("all/__MACOSX/");
    reel_dataset *d = opened(join(root, "all"), NULL);
    cr_expect(reel_dataset_classes(d) == 2 && reel_dataset_count(d) == 3);
    cr_expect_str_eq(reel_dataset_class_name(d, 1), "dog");
    cr_expect(reel_dataset_label(d, 2) == 1);
    expect_left_out(d, "1 .txt, 1 hidden, 2 folders without images: Unsorted, __MACOSX");
    reel_dataset_destroy(d);
}

Test(parts, a_class_that_would_be_missed_is_still_an_error)
{
    /* Pictures that are not decoded. */
    static const char heic[] = "\0\0\0\x18"
                               "ftypheic\0\0\0\0mif1heic";
    put_classes("all");
    put("all/fox/");
    write_file(join(root, "all/fox/1.heic"), heic, sizeof heic - 1);
    refused(join(root, "all"), NULL, "class folder fox: 1 HEIC photograph");

    /* One class would be left; what a Mac leaves behind does not count as one. */
    put("two/cat/1.jpg");
    put("two/dog/");
    refused(join(root, "two"), NULL, "class folder dog holds no images");
    put("one/cat/1.jpg");
    put("one/__MACOSX/");
    reel_dataset *d = opened(join(root, "one"), NULL);
    expect_left_out(d, "1 folder without images: __MACOSX");
    reel_dataset_destroy(d);

    /* On one side only. */
    reel_error err;
    put_classes("set/train");
    put("set/train/fox/");
    put_classes("set/val");
    put("set/val/fox/1.jpg");
    reel_dataset *train = opened(join(root, "set"), "train"),
                 *val = opened(join(root, "set"), "val");
    cr_expect(reel_dataset_same_classes(train, val, &err) == REEL_ERR_INVALID);
    cr_expect_str_eq(err.message,
                     "classes differ: only in the validation data: fox (a folder without "
                     "images is no class)");
    reel_dataset_destroy(train);
    reel_dataset_destroy(val);
}

Test(parts, one_class_alone_is_doubted)
{
    reel_doubt lines[4];
    put("one/cat/1.jpg");
    put("one/cat/2.jpg");
    reel_dataset *d = opened(join(root, "one"), NULL);
    cr_assert(reel_dataset_doubts(d, d, lines, 4) == 1);
    cr_expect_str_eq(lines[0], "cat is the only class: there is nothing to tell apart");
    reel_dataset_destroy(d);
}
