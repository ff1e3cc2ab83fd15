/* Lists as spreadsheets, pandas and people write them: columns, quotes, numbers, lines that are
 * wrong or there twice. */
#include "tests/unit/data/sets.h"

/* The files that the lists name. */
static void make_files(void)
{
    static const char *const names[] = {"a.jpg", "b.jpg", "c.jpg",   "d.jpg",     "e.jpg",
                                        "f.jpg", "x.jpg", "a,1.jpg", "a 1,2.jpg", "y"};
    make_root();
    for (int64_t i = 0; i < REEL_COUNT(names); i++)
        write_file(join(root, names[i]), "x", 1);
}

TestSuite(lists, .init = make_files, .fini = remove_root);

static reel_dataset *opened_as(const char *file, const char *text, reel_data_request request)
{
    reel_dataset *d;
    reel_error err = {0};
    write_file(join(root, file), text, strlen(text));
    request.data = join(root, file);
    const reel_status status = reel_dataset_open_as(&d, &request, NULL, 0, &err);
    cr_assert(status == REEL_OK, "%s: %s\n%s", file, err.message, text);
    return d;
}

/* These samples come of the list, and the user hears both notes. */
static void expect_list(const char *file, const char *text, const char *samples, const char *first,
                        const char *second)
{
    reel_dataset *d = opened_as(file, text, (reel_data_request){0});
    expect_samples(d, samples);
    cr_expect(has_note(d, first), "%s: no note: %s", file, first);
    cr_expect(has_note(d, second), "%s: no note: %s", file, second);
    reel_dataset_destroy(d);
}

Test(lists, columns_are_found_by_name_and_by_content_in_any_order)
{
    static const char *const texts[] = {
        "path,label\na.jpg,cat\nb.jpg,dog\n",
        "filenames,cats\na.jpg,cat\nb.jpg,dog\n",
        "id,breed\na.jpg,cat\nb.jpg,dog\n",
        "Image,Id\na.jpg,cat\nb.jpg,dog\n",
        "\xef\xbb\xbf\"Image\",\"Id\"\r\n\"a.jpg\",\"cat\"\r\n\r\nb.jpg , dog\r\n,\r\n",
        ",filename,label\n0,a.jpg,cat\n1,b.jpg,dog\n",
        "Unnamed: 0,species,picture file\n0,cat,a.jpg\n1,dog,b.jpg\n",
        "filename,label,fold\na.jpg,cat,3\nb.jpg,dog,1\n",
        "label,filename\ncat,a.jpg\ndog,b.jpg\n",
        "Width,Height,ClassId,Path\n20,21,cat,a.jpg\n22,23,dog,b.jpg\n",
        "what,which\na.jpg,cat\nb.jpg,dog\n",
        "a.jpg,cat\nb.jpg,dog\n",
        "cat,a.jpg\ndog,b.jpg",
        "image;label\na.jpg;cat\nb.jpg;dog\n",
    };
    for (int64_t i = 0; i < REEL_COUNT(texts); i++) {
        reel_dataset *d = opened_as("all.csv", texts[i], (reel_data_request){0});
        expect_samples(d, "a.jpg=cat b.jpg=dog");
        cr_expect(reel_dataset_notes(d) == 0, "a note on %s", texts[i]);
        reel_dataset_destroy(d);
    }
    reel_dataset *d = opened_as("all.tsv", "label\tfile\ncat\ta 1,2.jpg\n", (reel_data_request){0});
    expect_samples(d, "a 1,2.jpg=cat");
    reel_dataset_destroy(d);
    d = opened_as("all.txt", "file,label\na.jpg,cat\n", (reel_data_request){0});
    expect_samples(d, "a.jpg=cat");
    reel_dataset_destroy(d);
}

Test(lists, quoted_fields_hold_commas_quotes_and_line_breaks)
{
    reel_dataset *d =
        opened_as("all.csv",
                  "file,label,words\n\"a,1.jpg\",\"big \"\"cat\"\"\",\"two\nlines, \"\"x\"\"\"\n"
                  "b.jpg,dog,\"\"\n",
                  (reel_data_request){0});
    expect_samples(d, "a,1.jpg=big \"cat\" b.jpg=dog");
    reel_dataset_destroy(d);
}

Test(lists, the_user_decides_which_columns_count)
{
    const char text[] = "file,first,second\na.jpg,x,y\nb.jpg,x,z\n";
    reel_dataset *d = opened_as("all.csv", text, (reel_data_request){.label_column = "Second"});
    expect_samples(d, "a.jpg=y b.jpg=z");
    reel_dataset_destroy(d);
    d = opened_as("all.csv", text, (reel_data_request){.label_column = "1", .image_column = "3"});
    expect_samples(d, "y=a.jpg z=b.jpg");
    reel_dataset_destroy(d);
    refused(join(root, "all.csv"), NULL, "3 columns (file, first, second): which one is the label");
    reel_error err;
    const reel_data_request wrong = {.data = join(root, "all.csv"), .label_column = "third"};
    cr_expect(reel_dataset_open_as(&d, &wrong, NULL, 0, &err) == REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "no column 'third'") != NULL, "%s", err.message);

    /* In a list that could be read without columns, too. */
    d = opened_as("all.txt", "cat\ta.jpg\ndog\tb.jpg\n",
                  (reel_data_request){.label_column = "1", .image_column = "2"});
    expect_samples(d, "a.jpg=cat b.jpg=dog");
    reel_dataset_destroy(d);
}

/* The list is refused as it is asked for, with these words. */
static void refused_as(const char *text, reel_data_request request, const char *words)
{
    reel_dataset *d;
    reel_error err = {0};
    write_file(join(root, "all.csv"), text, strlen(text));
    request.data = join(root, "all.csv");
    cr_expect(reel_dataset_open_as(&d, &request, NULL, 0, &err) == REEL_ERR_INVALID);
    cr_expect(strstr(err.message, words) != NULL, "%s: expected '%s'", err.message, words);
}

Test(lists, one_column_is_not_image_and_label)
{
    static const char text[] = "file,kind,what\na.jpg,cat,x\nb.jpg,dog,y\n";
    refused_as(text, (reel_data_request){.image_column = "kind", .label_column = "kind"},
               "all.csv: --image-column kind and --label-column kind are the same column (kind): "
               "expected two of file, kind, what");
    refused_as(text, (reel_data_request){.image_column = "1", .label_column = "File"},
               "--image-column 1 and --label-column File are the same column (file)");
    refused_as("a.jpg,cat\nb.jpg,dog\n",
               (reel_data_request){.image_column = "2", .label_column = "2"},
               "--image-column 2 and --label-column 2 are the same column");
    refused_as("a.jpg cat\nb.jpg dog\n", (reel_data_request){.label_column = "2"},
               "there is no column '2': its lines are \"path label\"");
}

Test(lists, numbers_are_indices_where_they_are_dense_or_known)
{
    const char dense[] = "a.jpg 0\nb.jpg 3\nc.jpg 1\n",
               sparse[] = "a.jpg 0\nb.jpg 1000000\nc.jpg 1\n";
    reel_dataset *d = opened_as("all.txt", dense, (reel_data_request){0});
    cr_expect(reel_dataset_classes(d) == 4 && reel_dataset_label(d, 1) == 3);
    reel_dataset_destroy(d);

    d = opened_as("all.txt", sparse, (reel_data_request){0});
    cr_expect(reel_dataset_classes(d) == 3, "%" PRId64 " classes", reel_dataset_classes(d));
    expect_samples(d, "a.jpg=0 b.jpg=1000000 c.jpg=1");
    cr_expect(has_note(d, "name of a class"));
    reel_dataset_destroy(d);

    /* Weights, --num-classes or classes.txt say how many there are. */
    d = opened_as("all.txt", "a.jpg 0\nb.jpg 7\n", (reel_data_request){.classes = 10});
    cr_expect(reel_dataset_classes(d) == 10 && reel_dataset_label(d, 1) == 7);
    reel_dataset_destroy(d);
    write_file(join(root, "classes.txt"), "a\nb\nc\nd\ne\nf\ng\nh\n", 16);
    d = opened_as("all.txt", "a.jpg 0\nb.jpg 7\n", (reel_data_request){0});
    expect_samples(d, "a.jpg=a b.jpg=h");
    reel_dataset_destroy(d);
}

Test(lists, validation_labels_mean_what_training_labels_do)
{
    static const char *const train[] = {"a.jpg 0\nb.jpg 1\nc.jpg 2\nd.jpg 3\ne.jpg 9\nf.jpg 5\n",
                                        "a.jpg 0\nb.jpg 1000000\nc.jpg 1\n"};
    static const char *const val[] = {"x.jpg 9\n", "x.jpg 1000000\n"}, *const expected[] = {
                                                                           "x.jpg=9",
                                                                           "x.jpg=1000000"};
    for (int i = 0; i < 2; i++) {
        reel_dataset *t = opened_as("train.txt", train[i], (reel_data_request){0});
        reel_data_request request = {0};
        reel_data_request_follow(&request, t);
        reel_dataset *v = opened_as("val.txt", val[i], request);
        expect_samples(v, expected[i]);
        cr_expect(reel_dataset_classes(v) == reel_dataset_classes(t));
        reel_dataset_destroy(v);
        reel_dataset_destroy(t);
    }
}

Test(lists, a_wrong_line_is_named_and_changes_no_other_label)
{
    static const struct {
        const char *file, *text, *note;
    } cases[] = {
        {"all.csv", "file,label\na.jpg,0\nb.jpg,1\nx.jpg\nc.jpg,10\nd.jpg,2\n", "line 4"},
        {"all.csv", "file,label\na.jpg,0\nb.jpg,1\n\"x.jpg,1\nc.jpg,10\nd.jpg,2\n", "line 4"},
        {"all.csv", "file,label\na.jpg,0\nb.jpg,1\nx.jpg,one\nc.jpg,10\nd.jpg,2\n", "line 4"},
        {"all.csv", "file,label\na.jpg,0\nb.jpg,1\nx.jpg,\nc.jpg,10\nd.jpg,2\n", "line 4"},
        {"all.txt", "a.jpg 0\nb.jpg 1\nx.jpg\nc.jpg 10\nd.jpg 2\n", "line 3"},
        {"all.txt", "a.jpg 0\nb.jpg 1\nx.jpg one\nc.jpg 10\nd.jpg 2\n", "line 3"},
    };
    for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
        reel_dataset *d =
            opened_as(cases[i].file, cases[i].text, (reel_data_request){.classes = 11});
        expect_samples(d, "a.jpg=0 b.jpg=1 c.jpg=10 d.jpg=2");
        cr_expect(has_note(d, cases[i].note), "%s: not named", cases[i].text);
        reel_dataset_destroy(d);
    }
    write_file(join(root, "all.txt"), "a.jpg 0\nb.jpg\nc.jpg 1\nd.jpg\n", 28);
    refused(join(root, "all.txt"), NULL, "line 2");
}

Test(lists, a_file_that_is_named_twice_is_one_sample)
{
    expect_list("all.txt",
                "a.jpg cat\nb.jpg dog\n./a.jpg cat\n.//a.jpg cat\n././b.jpg dog\nd//c.jpg dog\n"
                "d/./c.jpg dog\n/./a.jpg cat\n//a.jpg cat\n"
                "b.jpg cat\n",
                "a.jpg=cat b.jpg=dog d//c.jpg=dog /./a.jpg=cat",
                "5 file names that an earlier line has: the file is used once",
                "1 other label for a file that an earlier line labels");
}

Test(lists, classes_in_another_order_are_matched_by_name)
{
    static const char *const order[] = {"0", "1", "2", "10"}, *const others[] = {"0", "1", "2",
                                                                                 "9"};
    reel_dataset *d =
        opened_as("all.txt", "a 10\nb 2\nc x\nd 1\ne 0\nf x\n", (reel_data_request){0});
    reel_error err;
    bool changed;
    MUST(reel_dataset_order_as(d, order, 4, &changed, &err), err);
    cr_expect(!changed && reel_dataset_classes(d) == 5);
    reel_dataset_destroy(d);

    d = opened_as("all.csv", "f.jpg,10\nb.jpg,2\nd.jpg,1\ne.jpg,0\n",
                  (reel_data_request){.classes = 4, .class_names = order});
    MUST(reel_dataset_order_as(d, others, 4, &changed, &err), err);
    cr_expect(!changed);
    MUST(reel_dataset_order_as(d, order, 4, &changed, &err), err);
    cr_expect(changed);
    expect_samples(d, "f.jpg=10 b.jpg=2 d.jpg=1 e.jpg=0");
    for (int64_t i = 0; i < 4; i++)
        cr_expect(reel_dataset_label(d, i) == 3 - i);
    reel_dataset_destroy(d);
}

static void put_file(const char *name)
{
    write_file(join(root, name), "x", 1);
}

Test(lists, ids_without_an_ending_find_their_files_in_the_folder_beside)
{
    cr_assert(mkdir(join(root, "train"), 0700) == 0 && mkdir(join(root, "test"), 0700) == 0);
    put_file("train/1a.jpg");
    put_file("train/1b.PNG");
    put_file("train/1c");
    put_file("test/9a.jpg");
    expect_list("labels.csv", "id,breed\n1a,cat\n1b,dog\n1c,dog\n1a.jpg,cat\n9z,cat\n",
                "train/1a.jpg=cat train/1b.PNG=dog train/1c=dog 9z=cat",
                "labels.csv: '1a' is taken for train/1a.jpg; so are the other lines",
                "1 file name that an earlier line has");
}

Test(lists, paths_that_are_there_stay_and_windows_paths_are_understood)
{
    cr_assert(mkdir(join(root, "cats"), 0700) == 0);
    put_file("cats/a.jpg");
    put_file("1a");
    put_file("1a.jpg");
    reel_dataset *d = opened_as("all.csv", "file,label\ncats\\a.jpg,cat\n", (reel_data_request){0});
    expect_samples(d, "cats/a.jpg=cat");
    reel_dataset_destroy(d);

    d = opened_as("all.csv", "id,label\n1a,cat\n1b,dog\n", (reel_data_request){0});
    expect_samples(d, "1a=cat 1b=dog");
    cr_expect(reel_dataset_notes(d) == 0);
    reel_dataset_destroy(d);
}

Test(lists, files_in_two_folders_are_refused_unless_the_list_is_called_like_one)
{
    cr_assert(mkdir(join(root, "large"), 0700) == 0 && mkdir(join(root, "small"), 0700) == 0);
    put_file("large/1a.jpg");
    put_file("small/1a.jpg");
    write_file(join(root, "labels.csv"), "id,label\n1a,cat\n", 16);
    refused(join(root, "labels.csv"), NULL, "its files are in 'large' and in 'small'");

    reel_dataset *d = opened_as("small.csv", "id,label\n1a,cat\n", (reel_data_request){0});
    expect_samples(d, "small/1a.jpg=cat");
    reel_dataset_destroy(d);
}

/* What Windows' editors call "Unicode". */
Test(lists, text_of_16_bits_is_refused_with_what_to_do)
{
    static const char little[] = "\xff\xfe"
                                 "a\0.\0",
                      big[] = "\xfe\xff\0a\0.";
    write_file(join(root, "all.csv"), little, sizeof little - 1);
    refused(join(root, "all.csv"), NULL, "all.csv: UTF-16 text: save it as UTF-8");
    write_file(join(root, "all.csv"), big, sizeof big - 1);
    refused(join(root, "all.csv"), NULL, "all.csv: UTF-16 text: save it as UTF-8");
}

Test(lists, a_path_or_label_that_is_too_long_is_a_wrong_line)
{
    char *text = calloc(1, 20000);
    for (int label = 0; label < 2; label++) {
        char *at =
            text + sprintf(text, "file,label\na.jpg,cat\nb.jpg,dog\n%s", label ? "c.jpg," : "");
        const int length = label ? 256 : 4200;
        memset(at, 'x', (size_t)length);
        sprintf(at + length, "%s\nd.jpg,cat\ne.jpg,dog\n", label ? "" : ".jpg,cat");
        reel_dataset *d = opened_as("all.csv", text, (reel_data_request){0});
        expect_samples(d, "a.jpg=cat b.jpg=dog d.jpg=cat e.jpg=dog");
        cr_expect(
            has_note(d, label ? "line 4: its label is too long" : "line 4: its path is too long"),
            "%s", reel_dataset_note(d, 0));
        reel_dataset_destroy(d);
    }
    free(text);
}
