/* Lists and shards that are called after parts of a data set: train.csv with dev.csv beside it. */
#include "tests/unit/data/fuzz_seeds.h"
#include "tests/unit/data/sets.h"

static const char train_text[] = "file,label\n1.jpg,cat\n2.jpg,dog\n",
                  val_text[] = "file,label\n3.jpg,cat\n";

static void make_files(void)
{
    static const char *const names[] = {"1.jpg", "2.jpg", "3.jpg", "4.jpg"};
    make_root();
    for (int64_t i = 0; i < REEL_COUNT(names); i++)
        put_text(names[i], "x");
}

TestSuite(part_lists, .init = make_files, .fini = remove_root);

/* The split of DATA ("" = the folder) has these samples, and the note where one is expected. */
static void expect_split(const char *data, const char *split, const char *samples, const char *note)
{
    reel_dataset *d = opened(*data ? join(root, data) : root, split);
    expect_samples(d, samples);
    cr_expect(note ? has_note(d, note) : reel_dataset_notes(d) == 0, "%s, %s: got %s", data, split,
              reel_dataset_notes(d) ? reel_dataset_note(d, 0) : "no note");
    reel_dataset_destroy(d);
}

/* A pair of lists, given as the folder and as either file. */
static void expect_pair(const char *train, const char *val)
{
    char train_note[100], val_note[100];
    put_text(train, train_text);
    put_text(val, val_text);
    snprintf(train_note, sizeof train_note, "%s is taken for the training list", train);
    snprintf(val_note, sizeof val_note, "%s is taken for the validation list", val);
    const bool own = strncasecmp(train, "train.", 6) == 0;
    const bool usual = strncasecmp(val, "val.", 4) == 0 || strncasecmp(val, "valid.", 6) == 0 ||
                       strncasecmp(val, "validation.", 11) == 0;

    expect_split("", "train", "1.jpg=cat 2.jpg=dog", own ? NULL : train_note);
    expect_split("", "val", "3.jpg=cat", usual ? NULL : val_note);
    expect_split(train, "train", "1.jpg=cat 2.jpg=dog", NULL);
    expect_split(train, "val", "3.jpg=cat", usual ? NULL : val_note);
    if (!strcasestr(val, "test"))
        expect_split(val, "val", "3.jpg=cat", NULL);
    expect_split(val, "train", "1.jpg=cat 2.jpg=dog", own ? NULL : train_note);
    cr_assert(unlink(join(root, train)) == 0 && unlink(join(root, val)) == 0);
}

Test(part_lists, every_word_for_validation_names_a_list_beside_train)
{
    static const char *const words[] = {
        "val",     "valid",    "validation", "dev",      "test",    "eval",        "evaluation",
        "holdout", "hold_out", "hold-out",   "held_out", "heldout", "Validierung", "validacion",
        "valset",  "devset",   "testing",    "testset",  "Dev",     "VALID",       "Validation",
    };
    static const char *const ends[] = {".csv", ".tsv", ".txt", ".lst"};
    char train[40], val[40];
    for (int64_t i = 0; i < REEL_COUNT(words); i++) {
        snprintf(train, sizeof train, "train%s", ends[i % 4]);
        snprintf(val, sizeof val, "%s%s", words[i], ends[i % 4]);
        expect_pair(train, val);
    }
    expect_pair("Train.csv", "Val.csv");
    expect_pair("training.csv", "validation.csv");
    expect_pair("Training.csv", "Testing.csv");
    expect_pair("TRAIN.csv", "DEV.csv");
    expect_pair("trainset.csv", "evalset.csv");
}

Test(part_lists, words_count_in_the_middle_of_a_file_s_name)
{
    put_text("pets_train_v2.csv", train_text);
    put_text("pets_dev_v2.csv", val_text);
    expect_split("pets_train_v2.csv", "val", "3.jpg=cat", "pets_dev_v2.csv is taken for");
    expect_split("pets_dev_v2.csv", "train", "1.jpg=cat 2.jpg=dog", NULL);
}

Test(part_lists, validation_lists_validate_and_those_for_tests_are_for_tests)
{
    put_text("train.csv", train_text);
    put_text("dev.csv", val_text);
    put_text("test.csv", "file,label\n4.jpg,dog\n");
    const char *const data[] = {"", "train.csv"};
    for (int i = 0; i < 2; i++) {
        expect_split(data[i], "val", "3.jpg=cat", "dev.csv is taken for the validation list");
        expect_split(data[i], "test", "4.jpg=dog", NULL);
    }

    /* A column of the training list comes before test.csv. */
    cr_assert(unlink(join(root, "dev.csv")) == 0);
    put_text("train.csv", "file,label,split\n1.jpg,cat,train\n2.jpg,dog,val\n");
    for (int i = 0; i < 2; i++)
        expect_split(data[i], "val", "2.jpg=dog", "divides the images");
}

Test(part_lists, a_test_list_without_labels_validates_nothing)
{
    static const char *const pairs[][2] = {
        {"id,label\n1.jpg,cat\n2.jpg,dog\n", "id\n3.jpg\n"},
        {"id,width,label\n1.jpg,5,cat\n2.jpg,6,dog\n", "id,width\n3.jpg,7\n"},
        {"id,label\n1.jpg,cat\n2.jpg,dog\n", "id,width\n3.jpg,7\n"},
        {"1.jpg cat\n2.jpg dog\n", "3.jpg\n"},
        {"1.jpg,cat\n2.jpg,dog\n", "3.jpg\n"},
    };
    char train[300];
    snprintf(train, sizeof train, "%s", join(root, "train.csv"));
    for (int64_t i = 0; i < REEL_COUNT(pairs); i++) {
        put_text("train.csv", pairs[i][0]);
        put_text("test.csv", pairs[i][1]);
        cr_expect(!reel_dataset_has(root, "val") && !reel_dataset_has(train, "val"), "%s",
                  pairs[i][1]);
        cr_expect(!reel_dataset_has(root, "test") && !reel_dataset_has(train, "test"), "%s",
                  pairs[i][1]);
        expect_split("train.csv", NULL, "1.jpg=cat 2.jpg=dog", "test.csv does not validate: ");
        expect_split("", "train", "1.jpg=cat 2.jpg=dog", "test.csv does not validate: ");
    }
}

Test(part_lists, a_test_list_needs_the_columns_of_image_and_label_alone)
{
    static const char *const tests[] = {
        "label,file\nother,3.jpg\n",
        "file,width,label\n3.jpg,7,other\n",
        "ID,File,Label\n0,3.jpg,other\n",
        "label\tfile\nother\t3.jpg\n",
    };
    const char *const data[] = {"", "train.csv"};
    put_text("train.csv", train_text);
    for (int64_t i = 0; i < REEL_COUNT(tests); i++) {
        put_text("test.csv", tests[i]);
        for (int k = 0; k < 2; k++) {
            expect_split(data[k], "val", "3.jpg=other", "test.csv is taken for the validation");
            expect_split(data[k], "test", "3.jpg=other", NULL);
            expect_split(data[k], "train", "1.jpg=cat 2.jpg=dog", NULL);
        }
    }

    /* Labels of another name validate nothing, but are there for who asks for tests. */
    put_text("test.csv", "image,class\n3.jpg,other\n");
    for (int k = 0; k < 2; k++) {
        expect_split(data[k], "test", "3.jpg=other", NULL);
        expect_split(data[k], "train", "1.jpg=cat 2.jpg=dog", "test.csv does not validate: ");
        cr_expect(!reel_dataset_has(*data[k] ? join(root, data[k]) : root, "val"));
    }

    /* Neither do labels of images that are not there. */
    put_text("test.csv", "file,label\n9.jpg,cat\n");
    cr_expect(!reel_dataset_has(root, "val") && !reel_dataset_has(join(root, "train.csv"), "val"));
    refused(root, "test", "none of its 1 file is there");
}

/* Does DATA have the part, where the labels' column is asked for? */
static bool has_with_label(const char *data, const char *split, const char *column)
{
    const reel_data_request request = {.data = data, .split = split, .label_column = column};
    return reel_dataset_has_as(&request);
}

Test(part_lists, the_label_that_the_user_names_decides_over_a_test_list)
{
    char train[300];
    snprintf(train, sizeof train, "%s", join(root, "train.csv"));
    put_text("train.csv", "file,colour,label\n1.jpg,red,cat\n2.jpg,blue,dog\n");
    put_text("test.csv", "file,colour\n3.jpg,red\n");
    const char *const data[] = {root, train};
    for (int i = 0; i < 2; i++) {
        cr_expect(has_with_label(data[i], "val", "colour") &&
                  has_with_label(data[i], "test", "colour"));
        cr_expect(!has_with_label(data[i], "val", NULL) &&
                  !has_with_label(data[i], "val", "label"));
        cr_expect(!has_with_label(data[i], "test", "label"));
    }
}

Test(part_lists, the_list_that_validates_is_the_same_for_folder_and_file)
{
    const char *const data[] = {"", "train.csv"};
    put_text("train.csv", "file,label,split\n1.jpg,cat,train\n2.jpg,dog,val\n4.jpg,cat,test\n");
    put_text("dev.csv", val_text);
    for (int i = 0; i < 2; i++) {
        expect_split(data[i], "val", "3.jpg=cat", "dev.csv is taken for the validation list");
        expect_split(data[i], "train", "1.jpg=cat", "divides the images");
        expect_split(data[i], "test", "4.jpg=cat", "divides the images");
    }
    put_text("test.csv", "file,label\n3.jpg,dog\n");
    for (int i = 0; i < 2; i++)
        expect_split(data[i], "test", "3.jpg=dog", NULL);
}

Test(part_lists, measurements_are_no_lists)
{
    static const char *const measured[] = {
        "epoch,loss,top1\n1,0.5,0.7\n2,0.4,0.8\n",
        "name,value\nloss,0.5\ntop1,0.8\n",
        "epoch 1 loss 0.5\n",
    };
    static const char *const images[] = {"cat/1.jpg", "dog/2.jpg"};
    for (int i = 0; i < 2; i++) {
        char folder[20];
        snprintf(folder, sizeof folder, "%.3s", images[i]);
        cr_assert(mkdir(join(root, folder), 0700) == 0);
        put_text(images[i], "x");
    }
    for (int64_t i = 0; i < REEL_COUNT(measured); i++) {
        put_text("training.csv", measured[i]);
        put_text("eval.csv", measured[i]);
        reel_dataset *d = opened(root, NULL);
        expect_samples(d, "cat/1.jpg=cat dog/2.jpg=dog");
        reel_dataset_destroy(d);
        cr_expect(!reel_dataset_has(root, "train") && !reel_dataset_has(root, "val"));
    }

    /* Beside a list they are passed over: another one may validate. */
    put_text("train.csv", train_text);
    cr_expect(!reel_dataset_has(root, "val") && !reel_dataset_has(join(root, "train.csv"), "val"));
    put_text("holdout.csv", val_text);
    expect_split("", "val", "3.jpg=cat", "holdout.csv is taken for");
    expect_split("train.csv", "val", "3.jpg=cat", "holdout.csv is taken for");
}

Test(part_lists, a_list_alone_is_all_there_is)
{
    static const char *const names[] = {"dev.csv", "holdout.csv", "evaluation.csv", "labels.csv"};
    for (int64_t i = 0; i < REEL_COUNT(names); i++) {
        put_text(names[i], train_text);
        cr_expect(!reel_dataset_has(join(root, names[i]), "val"), "%s", names[i]);
        expect_split(names[i], "train", "1.jpg=cat 2.jpg=dog", NULL);
        cr_assert(unlink(join(root, names[i])) == 0);
    }
}

/* root/PART/cat/1.jpg and root/PART/dog/1.jpg */
static void put_class_folders(const char *part)
{
    static const char *const classes[] = {"cat", "dog"};
    char path[100];
    cr_assert(mkdir(join(root, part), 0700) == 0);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", part, classes[i]);
        cr_assert(mkdir(join(root, path), 0700) == 0);
        snprintf(path, sizeof path, "%s/%s/1.jpg", part, classes[i]);
        put_text(path, "x");
    }
}

Test(part_lists, class_folders_win_over_lists_beside_them)
{
    static const char *const parts[][2] = {
        {"train", "test"},       {"train", "dev"},    {"train", "val"},           {"train", "eval"},
        {"Training", "Testing"}, {"Training", "Val"}, {"training", "validation"},
    };
    static const char wrong[] = "file,label\n1.jpg,wrong\n2.jpg,false\n3.jpg,wrong\n";
    char list[40];
    for (int64_t i = 0; i < REEL_COUNT(parts); i++) {
        for (int k = 0; k < 2; k++) {
            put_class_folders(parts[i][k]);
            snprintf(list, sizeof list, "%s.csv", parts[i][k]);
            put_text(list, wrong);
        }
        for (int k = 0; k < 2; k++) {
            reel_dataset *d = opened(root, k ? "val" : "train");
            expect_samples(d, "cat/1.jpg=cat dog/1.jpg=dog");
            reel_dataset_destroy(d);
        }
        for (int k = 0; k < 2; k++) {
            snprintf(list, sizeof list, "%s.csv", parts[i][k]);
            cr_assert(unlink(join(root, list)) == 0);
            remove_folder(strdup(join(root, parts[i][k])));
        }
    }
}

Test(part_lists, class_folders_for_training_are_not_validated_by_the_rows_of_a_list)
{
    put_class_folders("train");
    put_text("train.csv", "file,label,split\n1.jpg,cat,train\n2.jpg,dog,val\n");
    put_text("test.csv", val_text);
    cr_expect(!reel_dataset_has(root, "val"));
    expect_split("", "train", "cat/1.jpg=cat dog/1.jpg=dog", NULL);
    expect_split("", "test", "3.jpg=cat", NULL);

    /* One that is called val.csv is meant for it. */
    put_text("val.csv", val_text);
    expect_split("", "val", "3.jpg=cat", NULL);
}

/* The lists number the classes in an order of their own, which is not that of the folders. */
Test(part_lists, lists_hold_both_parts_where_only_they_know_the_validation_images)
{
    put_class_folders("train");
    put_text("train.txt", "train/cat/1.jpg 1\ntrain/dog/1.jpg 0\n");
    put_text("val.txt", "3.jpg 1\n4.jpg 0\n");
    expect_split("", "train", "train/cat/1.jpg=1 train/dog/1.jpg=0", NULL);
    expect_split("", NULL, "train/cat/1.jpg=1 train/dog/1.jpg=0", NULL);
    expect_split("", "val", "3.jpg=1 4.jpg=0", NULL);

    /* A list that names nothing is another kind of file. */
    put_text("train.txt", "epoch 1\nepoch 2\n");
    expect_split("", "train", "cat/1.jpg=cat dog/1.jpg=dog", NULL);
}

/* label NULL: the shard has none. */
static void put_shard(const char *name, const char *label)
{
    reel_bytes tar = {0};
    tar_put(&tar, "a.jpg", '0', "x", 1);
    if (label)
        tar_put(&tar, "a.cls", '0', label, strlen(label));
    tar_end(&tar);
    write_file(join(root, name), tar.data, tar.size);
    reel_bytes_free(&tar);
}

Test(part_lists, shards_are_called_by_the_same_words)
{
    cr_assert(mkdir(join(root, "d"), 0700) == 0 && mkdir(join(root, "f"), 0700) == 0);
    put_shard("d/train-0.tar", "0");
    put_shard("d/dev-0.tar", "1");
    expect_split("d", "train", "train-0.tar/a.jpg=0", NULL);
    expect_split("d", "val", "dev-0.tar/a.jpg=1", "dev-0.tar is taken for the validation shards");
    cr_assert(mkdir(join(root, "f/train"), 0700) == 0 && mkdir(join(root, "f/Dev"), 0700) == 0);
    put_shard("f/train/0.tar", "0");
    put_shard("f/Dev/0.tar", "1");
    expect_split("f", "val", "0.tar/a.jpg=1", "Dev/ is taken for the validation shards");

    /* Without training shards they are all there is. */
    cr_assert(unlink(join(root, "d/train-0.tar")) == 0);
    cr_expect(!reel_dataset_has(join(root, "d"), "val"));
    expect_split("d", NULL, "dev-0.tar/a.jpg=1", NULL);
}

Test(part_lists, shards_for_tests_validate_where_none_are_for_validation)
{
    cr_assert(mkdir(join(root, "d"), 0700) == 0 && mkdir(join(root, "f"), 0700) == 0 &&
              mkdir(join(root, "f/train"), 0700) == 0 && mkdir(join(root, "f/test"), 0700) == 0);
    put_shard("d/train-0.tar", "0");
    put_shard("d/test-0.tar", "1");
    put_shard("f/train/0.tar", "0");
    put_shard("f/test/0.tar", "1");
    expect_split("d", "val", "test-0.tar/a.jpg=1", "test-0.tar is taken for the validation");
    expect_split("d", "test", "test-0.tar/a.jpg=1", NULL);
    expect_split("d/train-0.tar", "val", "test-0.tar/a.jpg=1", "test-0.tar is taken for the");
    expect_split("f", "val", "0.tar/a.jpg=1", "test/ is taken for the validation shards");
    put_shard("d/val-0.tar", "1");
    expect_split("d", "val", "val-0.tar/a.jpg=1", NULL);
    cr_assert(unlink(join(root, "d/val-0.tar")) == 0);

    /* Those without labels are no validation data. */
    put_shard("d/test-0.tar", NULL);
    put_shard("f/test/0.tar", NULL);
    cr_expect(!reel_dataset_has(join(root, "d"), "val"));
    cr_expect(!reel_dataset_has(join(root, "d/train-0.tar"), "val"));
    cr_expect(!reel_dataset_has(join(root, "f"), "val"));
}
