/* Tables as spreadsheets and competitions leave them: a column of parts, titles, sums, other line
 * ends, endings in capitals, files that are not there. */
#include "tests/unit/data/sets.h"

TestSuite(tables, .init = make_root, .fini = remove_root);

static void put(const char *name)
{
    char part[300];
    const char *slash = strchr(name, '/');
    if (slash) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - name), name);
        cr_assert(mkdir(join(root, part), 0700) == 0 || errno == EEXIST);
    }
    write_file(join(root, name), "x", 1);
}

/* 1.jpg to N.jpg in a folder ("" = none). */
static void put_numbered(const char *folder, int n)
{
    char name[300];
    for (int i = 1; i <= n; i++) {
        snprintf(name, sizeof name, "%s%s%d.jpg", folder, *folder ? "/" : "", i);
        put(name);
    }
}

/* "1.jpg=cat 2.jpg=dog": all samples of the split with the names of their classes. */
static void expect_rows(const char *data, const char *split, const char *expected, const char *note)
{
    reel_dataset *d = opened(join(root, data), split);
    expect_samples(d, expected);
    cr_expect(!*note || has_note(d, note), "%s: no note '%s'; there are %d: %s", data, note,
              (int)reel_dataset_notes(d), reel_dataset_notes(d) ? reel_dataset_note(d, 0) : "");
    reel_dataset_destroy(d);
}

Test(tables, a_column_divides_the_data)
{
    static const char *const names[] = {"split", "Set", "subset", "fold", "usage"};
    static const char note[] = "divides the images: 2 train, 1 validation, 1 test";
    char text[300];
    put_numbered("", 4);
    for (int64_t i = 0; i < REEL_COUNT(names); i++) {
        snprintf(text, sizeof text,
                 "file,kind,%s\n1.jpg,cat,train\n2.jpg,dog,Val\n3.jpg,dog,TRAIN\n4.jpg,cat,test\n",
                 names[i]);
        put_text("all.csv", text);
        expect_rows("all.csv", "train", "1.jpg=cat 3.jpg=dog", note);
        expect_rows("all.csv", "val", "2.jpg=dog", note);
        expect_rows("all.csv", "test", "4.jpg=cat", note);
    }
    cr_expect(!reel_dataset_has(join(root, "all.csv"), "other"));

    /* As folders: where no row validates, those for tests do. */
    put_text("two.csv", "file,label,split\n1.jpg,cat,train\n2.jpg,dog,test\n3.jpg,dog,train\n");
    expect_rows("two.csv", "val", "2.jpg=dog", "2 train, 1 test");
    put_text("one.csv", "file,label,split\n1.jpg,cat,train\n2.jpg,dog,train\n");
    cr_expect(!reel_dataset_has(join(root, "one.csv"), "val"));
    expect_rows("one.csv", NULL, "1.jpg=cat 2.jpg=dog", "2 train");
}

Test(tables, a_value_that_is_no_part_is_named_with_its_line)
{
    put_numbered("", 3);
    put_text("all.csv", "file,label,split\n1.jpg,cat,train\n2.jpg,dog,tset\n3.jpg,dog,val\n");
    refused(
        join(root, "all.csv"), "train",
        "line 3: its column 'split' divides the images: expected train, val or test, got 'tset'");
    put_text("all.csv", "file,label,split\n1.jpg,cat,A\n2.jpg,dog,B\n3.jpg,dog,A\n");
    expect_rows("all.csv", NULL, "1.jpg=cat 2.jpg=dog 3.jpg=dog", "column 'split' is not used");
    put_text("all.csv", "file,label,fold\n1.jpg,cat,0\n2.jpg,dog,1\n3.jpg,dog,2\n");
    expect_rows("all.csv", NULL, "1.jpg=cat 2.jpg=dog 3.jpg=dog", "");
    cr_expect(!reel_dataset_has(join(root, "all.csv"), "val"));
}

/* Has the table a split, asked with the column "split" as that of the labels? */
static bool has_as_labels(const char *data, const char *split, const char *column)
{
    const reel_data_request request = {.data = data, .split = split, .label_column = column};
    return reel_dataset_has_as(&request);
}

Test(tables, a_column_that_the_user_names_divides_nothing)
{
    static const char *const columns[] = {"split", "SPLIT", "2"};
    char data[300];
    reel_dataset *d;
    reel_error err;
    put_numbered("", 4);
    put_text("all.csv", "file,split,kind\n1.jpg,train,cat\n2.jpg,val,cat\n3.jpg,test,dog\n");
    snprintf(data, sizeof data, "%s", join(root, "all.csv"));
    for (int64_t i = 0; i < REEL_COUNT(columns); i++) {
        const reel_data_request request = {.data = data, .label_column = columns[i]};
        cr_expect(!has_as_labels(data, "val", columns[i]) &&
                  !has_as_labels(data, "test", columns[i]));
        MUST(reel_dataset_open_as(&d, &request, NULL, 0, &err), err);
        expect_samples(d, "1.jpg=train 2.jpg=val 3.jpg=test");
        cr_expect(reel_dataset_notes(d) == 0);
        reel_dataset_destroy(d);
    }
    cr_expect(has_as_labels(data, "val", "kind") && has_as_labels(data, "val", NULL));

    /* Another column of parts stays one. */
    put_text("all.csv", "file,split,set\n1.jpg,train,val\n2.jpg,val,train\n3.jpg,test,val\n");
    cr_expect(has_as_labels(data, "val", "split") && has_as_labels(data, "val", "set"));
    const reel_data_request request = {.data = data, .split = "val", .label_column = "split"};
    MUST(reel_dataset_open_as(&d, &request, NULL, 0, &err), err);
    expect_samples(d, "1.jpg=train 3.jpg=test");
    reel_dataset_destroy(d);

    /* A column that divides the data is no label unless someone says so. */
    put_text("all.csv", "file,split\n1.jpg,train\n2.jpg,val\n3.jpg,train\n");
    refused(data, "train", "2 columns (file, split): which one is the label");
}

enum { EARLY = 300, LATE = 600 }; /* rows; the first EARLY are more than 4 KB */

/* A table whose column `name` says `early` in its first rows and `late` in the others. 1.jpg
 * and 900.jpg are there. */
static void put_long(const char *name, const char *early, const char *late)
{
    static char text[100000];
    int used = sprintf(text, "file,label,%s\n1.jpg,cat,%s\n", name, early);
    for (int i = 2; i <= EARLY + LATE; i++)
        used += sprintf(text + used, "%d.jpg,%s,%s\n", i, i % 2 ? "cat" : "dog",
                        i <= EARLY ? early : late);
    put_text("all.csv", text);
}

Test(tables, the_whole_table_decides_whether_a_column_divides_it)
{
    char data[300];
    put("1.jpg");
    put("900.jpg");
    snprintf(data, sizeof data, "%s", join(root, "all.csv"));

    /* Most rows name no part. */
    put_long("set", "train", "");
    cr_expect(!reel_dataset_has(data, "val") && !reel_dataset_has(data, "test"));
    reel_dataset *d = opened(data, "train");
    cr_expect_eq(reel_dataset_count(d), EARLY + LATE);
    reel_dataset_destroy(d);

    put_long("set", "train", "val");
    d = opened(data, "val");
    cr_expect_eq(reel_dataset_count(d), LATE);
    reel_dataset_destroy(d);

    /* Most rows do; so the others are wrong. */
    put_long("set", "A", "val");
    refused(data, "val", "line 2: its column 'set' divides the images: expected train, val");
    refused(data, "train", "all.csv: list file without a train part");
}

Test(tables, endings_in_capitals_are_found)
{
    put("1.jpg");
    put("2.JPG");
    put("3.jpg");
    put("train/4.JPG");
    put_text("all.csv", "file,label\n1.JPG,cat\n2.JPG,dog\n3.JPG,dog\n");
    expect_rows("all.csv", NULL, "1.jpg=cat 2.JPG=dog 3.jpg=dog",
                "'1.JPG' is taken for 1.jpg; so is 1 other line");
    put_text("all.csv", "file,label\n4.jpg,cat\n");
    expect_rows("all.csv", NULL, "train/4.JPG=cat", "'4.jpg' is taken for train/4.JPG");
}

Test(tables, a_list_of_which_no_file_is_there_is_refused_at_once)
{
    char expected[400];
    put_text("all.csv", "file,label\nimg/1.jpg,cat\nimg/2.jpg,dog\n");
    snprintf(expected, sizeof expected,
             "all.csv: none of its 2 files is there; the first is %s/img/1.jpg", root);
    refused(join(root, "all.csv"), NULL, expected);
    put_text("all.txt", "/no/where/1.jpg 0\n/no/where/2.jpg 1\n");
    refused(join(root, "all.txt"), NULL,
            "none of its 2 files is there; the first is /no/where/1.jpg");

    /* One of many is enough. */
    char text[600] = "", line[40];
    for (int i = 1; i <= 30; i++) {
        snprintf(line, sizeof line, "%d.jpg %d\n", i, i % 2);
        strcat(text, line);
    }
    put("30.jpg");
    put_text("all.txt", text);
    reel_dataset *d = opened(join(root, "all.txt"), NULL);
    cr_expect(reel_dataset_count(d) == 30);
    reel_dataset_destroy(d);
}

Test(tables, a_table_beside_flat_folders_is_the_data)
{
    put_numbered("train", 2);
    put_numbered("test", 1);
    put("docs/terms.txt");
    put_text("labels.csv", "id,breed\n1,cat\n2,dog\n");
    put_text("sample_submission.csv", "id,cat,dog\n1,0.5,0.5\n");
    refused(join(root, "labels.csv"), NULL, "its files are in 'test' and in 'train'");
    cr_assert(unlink(join(root, "test/1.jpg")) == 0);
    put("test/9.jpg");
    expect_rows("", NULL, "train/1.jpg=cat train/2.jpg=dog", "'1' is taken for train/1.jpg");
    cr_expect(!reel_dataset_has(root, "val"));
    put_text("labels.csv", "id,breed,split\n1,cat,train\n2,dog,val\n");
    expect_rows("", "val", "train/2.jpg=dog", "1 train, 1 validation");

    /* A table that names no images is not the data, but may be meant. */
    cr_assert(mkdir(join(root, "set"), 0700) == 0 && mkdir(join(root, "set/train"), 0700) == 0);
    put_text("set/train/1.jpg", "x");
    put_text("set/list.csv", "a,b\nq,w\n");
    refused(join(root, "set"), NULL,
            "train holds no class folders: expected one folder per class; if "
            "list.csv lists the images, give it as DATA");

    /* A table beside DATA, such as one of class weights, is not meant. */
    reel_dataset *d;
    reel_error err;
    cr_assert(mkdir(join(root, "bare"), 0700) == 0);
    cr_expect_neq(reel_dataset_open(&d, join(root, "bare"), NULL, NULL, 0, &err), REEL_OK);
    cr_expect(!strstr(err.message, "give it as DATA"), "%s", err.message);
}

Test(tables, an_empty_label_is_called_empty)
{
    put_numbered("", 4);
    put_text("all.csv", "file,label\n1.jpg,cat\n2.jpg,\n3.jpg,dog\n4.jpg,dog\n");
    expect_rows("all.csv", NULL, "1.jpg=cat 3.jpg=dog 4.jpg=dog",
                "line 3: its label is empty: left out");
}

Test(tables, other_line_ends_and_separators_are_read)
{
    put_numbered("", 2);
    put_text("all.csv", "file,label\r1.jpg,cat\r2.jpg,dog\r");
    expect_rows("all.csv", NULL, "1.jpg=cat 2.jpg=dog", "");
    put_text("all.csv", "\xef\xbb\xbfsep=;\r\nfile;label\r\n1.jpg;cat, small\r\n2.jpg;dog\r\n");
    expect_rows("all.csv", NULL, "1.jpg=cat, small 2.jpg=dog", "");
}

Test(tables, titles_and_sums_are_no_classes)
{
    static const char rows[] =
        "file,label\n1.jpg,cat\n2.jpg,dog\n3.jpg,dog\n4.jpg,cat\n5.jpg,cat\n";
    static const char *const titles[] = {"My pets\n", "My pets,\n", "Export,2024-01-01\n",
                                         "My pets\n\nof 2024\n"};
    static const char all[] = "1.jpg=cat 2.jpg=dog 3.jpg=dog 4.jpg=cat 5.jpg=cat";
    char text[300];
    put_numbered("", 5);
    for (int64_t i = 0; i < REEL_COUNT(titles); i++) {
        snprintf(text, sizeof text, "%s%sTotal,160\n", titles[i], rows);
        put_text("all.csv", text);
        expect_rows("all.csv", NULL, all, "is taken for a title: the table begins at line");
        expect_rows("all.csv", NULL, all,
                    "'Total' names no image, and nearly all other lines do: left out");
    }
    put_text("all.txt", "1.jpg 0\n2.jpg 1\n3.jpg 1\n4.jpg 0\n5.jpg 0\nTotal 160\n");
    expect_rows("all.txt", NULL, "1.jpg=0 2.jpg=1 3.jpg=1 4.jpg=0 5.jpg=0", "line 6: 'Total'");
}

Test(tables, whole_numbers_may_be_written_with_a_point)
{
    put_numbered("", 4);
    put_text("all.csv", "file,label\n1.jpg,0\n2.jpg,1.0\n3.jpg,1\n4.jpg,2.0\n");
    expect_rows("all.csv", NULL, "1.jpg=0 2.jpg=1 3.jpg=1 4.jpg=2", "labels such as 1.0");
    put_text("all.csv", "file,label\n1.jpg,0.0\n2.jpg,1.0\n3.jpg,1.0\n4.jpg,2.00\n");
    expect_rows("all.csv", NULL, "1.jpg=0 2.jpg=1 3.jpg=1 4.jpg=2", "labels such as 0.0");
    put_text("all.csv", "file,label\n1.jpg,3.0\n2.jpg,3.1\n3.jpg,4.0\n4.jpg,3.0\n");
    expect_rows("all.csv", NULL, "1.jpg=3.0 2.jpg=3.1 3.jpg=4.0 4.jpg=3.0", "");
}

Test(tables, labels_that_are_no_utf8_and_too_few_names_are_told)
{
    put_numbered("", 3);
    put_text("all.csv", "file,label\n1.jpg,b\xe4r\n2.jpg,fox\n");
    reel_dataset *d = opened(join(root, "all.csv"), NULL);
    cr_assert(reel_dataset_notes(d) == 1);
    cr_expect_str_eq(reel_dataset_note(d, 0),
                     "all.csv: line 2: the label b\\xe4r is no UTF-8 text: save the file as UTF-8");
    reel_dataset_destroy(d);

    put_text("classes.txt", "cat\ndog\n");
    put_text("all.csv", "file,label\n1.jpg,0\n2.jpg,1\n3.jpg,2\n");
    expect_rows("all.csv", NULL, "1.jpg=0 2.jpg=1 3.jpg=2",
                "classes.txt is not used: it names 2 classes, the labels go up to 2");
    put_text("classes.txt", "cat\rdog\rfox\r");
    expect_rows("all.csv", NULL, "1.jpg=cat 2.jpg=dog 3.jpg=fox", "");
}
