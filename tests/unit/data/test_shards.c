/* Keys of tar shards that come twice: what counts, and what the user hears of it. */
#include "tests/unit/data/fuzz_seeds.h"
#include "tests/unit/data/sets.h"

TestSuite(shards, .init = make_root, .fini = remove_root);

/* train-0.tar with two sound samples, of class 0 and 1, and between them these members: "a.cls=1
 * a.jpg", a content of one letter behind "=". */
static void write_shard(const char *members)
{
    reel_bytes tar = {0};
    char all[600], *rest = all;
    snprintf(all, sizeof all, "1.jpg 1.cls=0 %s 2.jpg 2.cls=1", members);
    for (char *word; (word = strtok_r(rest, " ", &rest));) {
        char *content = strchr(word, '=');
        if (content)
            *content++ = 0;
        tar_put(&tar, word, '0', content ? content : "x", content ? strlen(content) : 1);
    }
    tar_end(&tar);
    write_file(join(root, "train-0.tar"), tar.data, tar.size);
    reel_bytes_free(&tar);
}

static void expect_shard(const char *members, const char *samples, const char *note)
{
    write_shard(members);
    reel_dataset *d = opened(root, "train");
    expect_samples(d, samples);
    cr_expect(note ? has_note(d, note) : reel_dataset_notes(d) == 0, "%s: expected %s, got %s",
              members, note ? note : "no note",
              reel_dataset_notes(d) ? reel_dataset_note(d, 0) : "none");
    reel_dataset_destroy(d);
}

Test(shards, a_key_with_two_images_or_two_labels_is_left_out_and_named)
{
    static const struct {
        const char *members, *second;
    } cases[] = {
        {"a.jpg a.jpg a.cls=1", "a.jpg"},
        {"a.jpg a.png a.cls=1", "a.png"},
        {"a.jpg a.cls=1 a.JPG", "a.JPG"},
        {"a.cls=0 a.jpg a.cls=1", "a.cls"},
        {"a.jpg a.cls=1 a.cls=1", "a.cls"},
        {"a.jpg a.cls=0 a.jpg a.cls=1", "a.jpg"},
        {"a.jpg a.txt=0 a.txt=1", "a.txt"},
        {"a.jpg a.json={\"label\":0} a.json={\"label\":1}", "a.json"},
        {"a.cls=0 a.cls=1 a.dat", "a.cls"},
        {"in/a.jpg in/a.ppm in/a.cls=0", "in/a.ppm"},
    };
    for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
        char note[100];
        snprintf(note, sizeof note,
                 "keys with two images or two labels, left out: 1, such as train-0.tar/%s",
                 cases[i].second);
        expect_shard(cases[i].members, "train-0.tar/1.jpg=0 train-0.tar/2.jpg=1", note);
    }
}

Test(shards, fields_that_count_less_than_another_are_no_second_labels)
{
    static const char *const members[] = {
        "a.jpg a.cls=1 a.txt=0 a.json={\"label\":0}",
        "a.json={\"label\":0} a.txt=0 a.cls=1 a.jpg",
        "a.txt=0 a.txt=0 a.cls=1 a.jpg",
        "a.jpg a.mask.jpg a.cls=1 a.txt=words",
        "a.jpg a.dat a.bin a.cls=1 a.txt=words",
    };
    for (int64_t i = 0; i < REEL_COUNT(members); i++)
        expect_shard(members[i], "train-0.tar/1.jpg=0 train-0.tar/a.jpg=1 train-0.tar/2.jpg=1",
                     NULL);
}

Test(shards, a_key_that_comes_again_further_on_is_another_sample_and_is_named)
{
    expect_shard("a.jpg a.cls=0 b.jpg b.cls=0 a.jpg a.cls=1",
                 "train-0.tar/1.jpg=0 train-0.tar/a.jpg=0 train-0.tar/b.jpg=0 train-0.tar/a.jpg=1 "
                 "train-0.tar/2.jpg=1",
                 "keys that occur again later in a shard: 1, such as train-0.tar/a.jpg: each "
                 "occurrence is a sample of its own");
    /* A label that `tar -r` put behind all others */
    expect_shard("a.jpg a.cls=0 b.jpg b.cls=0 a.cls=1",
                 "train-0.tar/1.jpg=0 train-0.tar/a.jpg=0 train-0.tar/b.jpg=0 train-0.tar/2.jpg=1",
                 "later in a shard: 1, such as train-0.tar/a:");
}

Test(shards, any_number_of_keys_is_remembered)
{
    enum { KEYS = 1000 };
    reel_bytes tar = {0};
    char name[40];
    for (int i = 0; i < KEYS + 3; i++) {
        const int key = i < KEYS ? i : (i - KEYS) * 400; /* 0, 400 and 800 again */
        snprintf(name, sizeof name, "%04d.jpg", key);
        tar_put(&tar, name, '0', "x", 1);
        snprintf(name, sizeof name, "%04d.cls", key);
        tar_put(&tar, name, '0', "1", 1);
    }
    tar_end(&tar);
    write_file(join(root, "train-0.tar"), tar.data, tar.size);
    reel_bytes_free(&tar);

    reel_dataset *d = opened(root, "train");
    cr_expect_eq(reel_dataset_count(d), KEYS + 3);
    cr_expect(has_note(d, "later in a shard: 3, such as train-0.tar/0000.jpg"));
    reel_dataset_destroy(d);
}

/* A run that version 0.1.0 began took the first image and the last label. */
Test(shards, an_earlier_run_s_doubled_keys_stay_samples)
{
    static const struct {
        const char *members, *samples;
    } cases[] = {
        {"a.jpg a.png a.cls=1", "1.jpg=0 a.jpg=1 2.jpg=1"},
        {"a.cls=1 a.jpg a.cls=0", "1.jpg=0 a.jpg=0 2.jpg=1"},
        {"a.jpg a.cls=0 a.jpg a.cls=1", "1.jpg=0 a.jpg=1 2.jpg=1"},
    };
    const reel_data_request request = {.data = root, .split = "train", .names_only = true};
    for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
        reel_dataset *d;
        reel_error err;
        char text[200] = "", all[200], *rest = all;
        write_shard(cases[i].members);
        snprintf(all, sizeof all, "%s", cases[i].samples);
        for (char *word; (word = strtok_r(rest, " ", &rest));)
            sprintf(text + strlen(text), "%strain-0.tar/%s", *text ? " " : "", word);
        MUST(reel_dataset_open_as(&d, &request, NULL, 0, &err), err);
        expect_samples(d, text);
        cr_expect_eq(reel_dataset_notes(d), 0);
        reel_dataset_destroy(d);
    }
}

Test(shards, another_shard_may_have_the_same_keys)
{
    write_shard("a.jpg a.cls=0");
    char from[300], to[300];
    snprintf(from, sizeof from, "%s", join(root, "train-0.tar"));
    snprintf(to, sizeof to, "%s", join(root, "train-1.tar"));
    cr_assert(link(from, to) == 0);
    reel_dataset *d = opened(root, "train");
    cr_expect_eq(reel_dataset_count(d), 6);
    cr_expect_eq(reel_dataset_notes(d), 0);
    reel_dataset_destroy(d);
}

Test(shards, where_no_key_is_sound_the_first_is_named)
{
    reel_bytes tar = {0};
    static const char *const names[] = {"a.jpg", "a.png", "a.cls"};
    for (int i = 0; i < 3; i++)
        tar_put(&tar, names[i], '0', "0", 1);
    tar_end(&tar);
    write_file(join(root, "train-0.tar"), tar.data, tar.size);
    refused(root, "train", "train-0.tar/a.png is a second image or label of its key: expected one");
    reel_bytes_free(&tar);
}
