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
                 "keys that come again further on in a shard: 1, such as train-0.tar/a.jpg: each "
                 "place counts as a sample of its own");
    /* A label that `tar -r` put behind all others */
    expect_shard("a.jpg a.cls=0 b.jpg b.cls=0 a.cls=1",
                 "train-0.tar/1.jpg=0 train-0.tar/a.jpg=0 train-0.tar/b.jpg=0 train-0.tar/2.jpg=1",
                 "further on in a shard: 1, such as train-0.tar/a:");
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
