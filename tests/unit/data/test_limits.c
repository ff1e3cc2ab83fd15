/* Small files that claim, or unpack to, a great deal: refused before it costs memory, disk or
 * hours. */
#include <signal.h>
#include <sys/resource.h>
#include <zlib.h>

#include "data/pack.h"
#include "data/sources/common/pack_index.h"
#include "data/sources/common/plain_file.h"
#include "tests/unit/data/memory_set.h"

static reel_error err;

static void expect_words(const char *words)
{
    cr_expect(strstr(err.message, words) != NULL, "expected '%s' in \"%s\"", words, err.message);
    check_message(&err);
}

Test(limits, gzip_is_unpacked_no_further_than_what_is_read_may_be_long)
{
    enum { MEGABYTE = 1 << 20 };
    char *root = scratch_folder();
    const char *path = join(root, "list.txt");
    char *zeros = calloc(1, MEGABYTE);
    gzFile gz = gzopen(path, "wb");
    for (int i = 0; i < 40; i++)
        gzwrite(gz, zeros, MEGABYTE);
    gzclose(gz);
    free(zeros);
    reel_bytes bytes = {0};
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit most = {4 * MEGABYTE, 4 * MEGABYTE}; /* a disk that has room for no more */
    cr_assert(setrlimit(RLIMIT_FSIZE, &most) == 0);
    cr_expect(reel_read_plain(&bytes, path, MEGABYTE, &err) == REEL_ERR_FORMAT, "status of: %s",
              err.message);
    expect_words("expected at most 1048576");
    reel_bytes_free(&bytes);
    remove_folder(root);
}

Test(limits, an_index_of_four_billion_classes_is_refused)
{
    reel_pack_index index = {.classes = 1 << 24}, read = {0};
    const reel_piece piece = {.size = 4, .label = 1};
    reel_bytes bytes = {0};
    index.tar_size = 512;
    MUST(reel_pack_index_add(&index, &piece, "a.jpg", &err), err);
    MUST(reel_pack_index_write(&index, &bytes, &err), err);
    MUST(reel_pack_index_read(&read, bytes.data, bytes.size, &err), err);
    cr_expect(read.classes == 1 << 24);
    reel_pack_index_free(&read);
    index.classes = UINT32_MAX;
    MUST(reel_pack_index_write(&index, &bytes, &err), err);
    cr_expect(reel_pack_index_read(&read, bytes.data, bytes.size, &err) == REEL_ERR_FORMAT);
    expect_words("4294967295 classes, expected at most 16777216");
    reel_pack_index_free(&read);
    reel_pack_index_free(&index);
    reel_bytes_free(&bytes);
}

Test(limits, a_pack_of_more_than_99999_shards_is_looked_for_shard_by_shard)
{
    static const char plan[] = "{\"format\": \"reel-pack\", \"version\": 1, \"splits\": "
                               "{\"train\": {\"shards\": 150000}}}";
    char *root = scratch_folder();
    reel_dataset *d = NULL;
    write_file(join(root, "pack.json"), plan, sizeof plan - 1);
    cr_expect(reel_dataset_open(&d, root, "train", NULL, 0, &err) != REEL_OK && d == NULL);
    expect_words("train-00000.idx");
    remove_folder(root);
}

/* 20,000 samples of 200,000 classes, as a list may claim: one pass each, not one over the samples
 * for every class. */
enum { SAMPLES = 20000, CLASSES = 200000 };

static int64_t label_of(int64_t index)
{
    return index % 2 ? index / 4 : CLASSES - 1;
}

Test(limits, many_classes_are_split_in_the_time_of_a_pass)
{
    static struct memory_set set = {.count = SAMPLES, .label = label_of};
    static const char *names[CLASSES];
    static int64_t seen[CLASSES];
    reel_dataset *train, *held;
    for (int c = 0; c < CLASSES; c++)
        names[c] = "c";
    reel_dataset *all = open_memory_set(&set, names, CLASSES);
    const double begin = now();
    MUST(reel_dataset_split(&train, &held, all, 0.25, 1, &err), err);
    cr_expect(now() - begin < 2, "%.1f s", now() - begin);
    cr_expect(reel_dataset_count(train) == 12500 && reel_dataset_count(held) == 7500,
              "%" PRId64 " and %" PRId64 " samples, expected 12500 and 7500",
              reel_dataset_count(train), reel_dataset_count(held));
    for (int64_t i = 0; i < reel_dataset_count(held); i++)
        seen[reel_dataset_label(held, i)]++;
    for (int64_t c = 0; c < CLASSES; c++) {
        const int64_t expected = c < SAMPLES / 4 ? 1 : c == CLASSES - 1 ? SAMPLES / 8 : 0;
        cr_assert(seen[c] == expected,
                  "class %" PRId64 ": %" PRId64 " held back, expected %" PRId64, c, seen[c],
                  expected);
    }
    reel_dataset_destroy(train);
    reel_dataset_destroy(held);
    reel_dataset_destroy(all);
}
