/* Lists and shards that are called after parts of a data set: train.csv with dev.csv beside it. */
#include "tests/unit/data/fuzz_seeds.h"
#include "tests/unit/data/sets.h"

static const char train_text[] = "file,label\n1.jpg,cat\n2.jpg,dog\n",
                  val_text[] = "file,label\n3.jpg,cat\n";

static void put_text(const char *name, const char *text)
{
    write_file(join(root, name), text, strlen(text));
}

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
        expect_split("train.csv", NULL, "1.jpg=cat 2.jpg=dog", NULL);
    }
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

Test(part_lists, a_note_beside_class_folders_is_no_list)
{
    static const char *const folders[] = {"Training", "Training/cat", "Training/dog",
                                          "Testing",  "Testing/cat",  "Testing/dog"};
    for (int64_t i = 0; i < REEL_COUNT(folders); i++) {
        cr_assert(mkdir(join(root, folders[i]), 0700) == 0);
        char image[300];
        snprintf(image, sizeof image, "%s/1.jpg", folders[i]);
        put_text(image, "x");
    }
    put_text("Training.csv", train_text);
    put_text("Testing.csv", val_text);
    reel_dataset *d = opened(root, "train");
    cr_expect(strstr(reel_dataset_class_name(d, 0), "cat") && reel_dataset_count(d) == 2);
    char name[100];
    reel_dataset_sample_name(d, 0, name, sizeof name);
    cr_expect_str_eq(name, "cat/1.jpg");
    reel_dataset_destroy(d);
}

static void put_shard(const char *name, const char *label)
{
    reel_bytes tar = {0};
    tar_put(&tar, "a.jpg", '0', "x", 1);
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
    expect_split("d", "val", "dev-0.tar/a.jpg=1", NULL);
    cr_assert(mkdir(join(root, "f/train"), 0700) == 0 && mkdir(join(root, "f/Dev"), 0700) == 0);
    put_shard("f/train/0.tar", "0");
    put_shard("f/Dev/0.tar", "1");
    expect_split("f", "val", "0.tar/a.jpg=1", NULL);

    /* Without training shards they are all there is. */
    cr_assert(unlink(join(root, "d/train-0.tar")) == 0);
    cr_expect(!reel_dataset_has(join(root, "d"), "val"));
    expect_split("d", NULL, "dev-0.tar/a.jpg=1", NULL);
}
