/* Packing that is stopped, that finds the disk full, and packed shards that are not what their
 * index says. */
#include <signal.h>
#include <sys/resource.h>

#include "data/pack.h"
#include "tests/unit/data/sets.h"

enum { IMAGES = 5, EACH_SHARD = 2, SHARDS = 3 };

static reel_dataset *images;

/* Five images of one class in root/d. */
static void make_images(void)
{
    make_root();
    make_folder(join(root, "d"));
    make_folder(join(root, "d/a"));
    make_folder(join(root, "out"));
    for (uint32_t i = 0; i < IMAGES; i++) {
        char name[30];
        reel_bytes image = encoded(30, 40, i, false);
        snprintf(name, sizeof name, "d/a/%u.jpg", i);
        write_file(join(root, name), image.data, image.size);
        reel_bytes_free(&image);
    }
    reel_error err;
    MUST(reel_dataset_folder(&images, join(root, "d"), &err), err);
}

static void remove_images(void)
{
    reel_dataset_destroy(images);
    remove_root();
}

TestSuite(pack, .init = make_images, .fini = remove_images);

/* Counts questions down; true from the one at 0 on. */
static bool stop_at(void *user)
{
    int *left = user;
    return (*left)-- <= 0;
}

static reel_pack_config config_of(int *questions)
{
    reel_pack_config c = reel_pack_config_default();
    c.size = 20;
    c.per_shard = EACH_SHARD;
    c.stop = questions ? stop_at : NULL;
    c.user = questions;
    return c;
}

static void pack_all(reel_pack_result *r)
{
    reel_error err;
    const reel_pack_config c = config_of(NULL);
    MUST(reel_pack_split(r, images, join(root, "out"), "train", &c, &err), err);
}

static const char *shard(int k, const char *end)
{
    char name[40];
    snprintf(name, sizeof name, "out/train-%05d.%s", k, end);
    return join(root, name);
}

Test(pack, what_was_stopped_goes_on_behind_the_last_whole_shard_to_the_same_bytes)
{
    reel_pack_result r;
    reel_bytes whole[SHARDS];
    pack_all(&r);
    for (int k = 0; k < SHARDS; k++) {
        whole[k] = read_file(shard(k, "tar"));
        remove(shard(k, "tar"));
        remove(shard(k, "idx"));
    }

    reel_error err = {0};
    int questions = 1;
    reel_pack_config c = config_of(&questions);
    cr_expect_eq(reel_pack_split(&r, images, join(root, "out"), "train", &c, &err),
                 REEL_ERR_STOPPED);
    cr_expect_str_eq(err.message, "stopped");
    cr_expect(access(shard(0, "idx"), F_OK) == 0, "the first shard is not there");
    cr_expect(access(shard(1, "idx"), F_OK) != 0, "the second shard was begun after the stop");
    pack_all(&r);
    cr_expect(r.images == IMAGES && r.resumed == EACH_SHARD, "%" PRId64 " were there already",
              r.resumed);
    for (int k = 0; k < SHARDS; k++) {
        reel_bytes again = read_file(shard(k, "tar"));
        cr_expect(again.size == whole[k].size && memcmp(again.data, whole[k].data, again.size) == 0,
                  "shard %d has other bytes", k);
        reel_bytes_free(&again);
        reel_bytes_free(&whole[k]);
    }

    questions = 2; /* reading back asks before each shard */
    cr_expect_eq(reel_pack_verify(join(root, "out"), "train", SHARDS, &c, &err), REEL_ERR_STOPPED);
    questions = 3;
    MUST(reel_pack_verify(join(root, "out"), "train", SHARDS, &c, &err), err);
}

Test(pack, a_full_disk_is_an_error_with_the_path_and_no_shard_is_called_complete)
{
    struct rlimit old, limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    for (rlim_t bytes = 0; bytes <= 4096; bytes += 1024) {
        reel_pack_result r;
        reel_error err = {0};
        const reel_pack_config c = config_of(NULL);
        limit = old;
        limit.rlim_cur = bytes;
        setrlimit(RLIMIT_FSIZE, &limit);
        const reel_status status =
            reel_pack_split(&r, images, join(root, "out"), "train", &c, &err);
        setrlimit(RLIMIT_FSIZE, &old);
        cr_expect_eq(status, REEL_ERR_IO, "%d bytes: %s", (int)bytes, err.message);
        cr_expect(strstr(err.message, "out/train-00000") && strstr(err.message, strerror(EFBIG)),
                  "%d bytes: %s", (int)bytes, err.message);
        cr_expect(access(shard(0, "idx"), F_OK) != 0, "%d bytes: a shard", (int)bytes);
    }
    reel_pack_result r;
    pack_all(&r);
    cr_expect(r.images == IMAGES && r.resumed == 0);
}

/* Writes the first shard's tar anew, changed in one place; reading back must say these words. */
static void expect_damage(const reel_bytes *tar, size_t at, const void *bytes, size_t n,
                          const char *words)
{
    reel_error err = {0};
    const reel_pack_config c = config_of(NULL);
    uint8_t *copy = malloc(tar->size);
    memcpy(copy, tar->data, tar->size);
    memcpy(copy + at, bytes, n);
    write_file(shard(0, "tar"), copy, tar->size);
    free(copy);
    cr_expect_eq(reel_pack_verify(join(root, "out"), "train", SHARDS, &c, &err), REEL_ERR_FORMAT);
    cr_expect(strstr(err.message, "train-00000.tar: ") && strstr(err.message, words),
              "expected \"%s\" in: %s", words, err.message);
}

Test(pack, a_tar_that_is_not_what_its_index_says_is_refused)
{
    static const uint8_t zeros[512];
    reel_pack_result r;
    reel_error err = {0};
    const reel_pack_config c = config_of(NULL);
    pack_all(&r);
    reel_bytes tar = read_file(shard(0, "tar"));
    const uint8_t *const second = memmem(tar.data, tar.size, "000000001.jpg", 13),
                         *const label = memmem(tar.data, tar.size, "000000000.cls", 13);
    cr_assert(second && label && label[512] == '0');
    expect_damage(&tar, (size_t)(label - tar.data) + 512, "7", 1,
                  "image 0 lies elsewhere than the index says");
    expect_damage(&tar, (size_t)(second - tar.data), zeros, sizeof zeros,
                  "1 images, the index has 2");

    write_file(shard(0, "tar"), tar.data, tar.size - 512);
    cr_expect_eq(reel_pack_verify(join(root, "out"), "train", SHARDS, &c, &err), REEL_ERR_FORMAT);
    char words[100];
    snprintf(words, sizeof words, "train-00000.tar: %zu bytes, expected %zu", tar.size - 512,
             tar.size);
    cr_expect(strstr(err.message, words), "expected \"%s\" in: %s", words, err.message);
    remove(shard(0, "tar"));
    cr_expect_eq(reel_pack_verify(join(root, "out"), "train", SHARDS, &c, &err), REEL_ERR_IO);
    cr_expect(strstr(err.message, "train-00000.tar: cannot be opened"), "%s", err.message);
    reel_bytes_free(&tar);
}
