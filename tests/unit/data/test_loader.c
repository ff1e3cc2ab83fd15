/* The loader: the same batches whatever the workers do, bad samples counted exactly, and an end at
 * any moment. */
#include <zlib.h>

#include "data/loader.h"
#include "tests/unit/data/data_test.h"

/* A dataset in memory: `count` small pictures in 4 classes, of which those in `bad` cannot be
 * decoded or read. */
struct store {
    int64_t count;
    reel_bytes images[8];
    const bool *bad;
    int delay;       /* microseconds a read */
    int64_t stalled; /* a sample that takes 0.7 s; 0 = none */
};

static int64_t store_size(const void *self)
{
    return ((const struct store *)self)->count;
}

static int64_t store_label(const void *self, int64_t index)
{
    (void)self;
    return index % 4;
}

static reel_status store_sample(const void *self, int64_t index, reel_bytes *bytes, reel_error *err)
{
    const struct store *s = self;
    if (s->delay)
        usleep((useconds_t)s->delay);
    if (s->stalled && index == s->stalled)
        usleep(700000);
    const reel_bytes *from = &s->images[index % 8];
    const bool bad = s->bad && s->bad[index];
    if (bad && index % 3 == 0)
        return reel_fail(err, REEL_ERR_IO, "sample %" PRId64 " is gone", index);
    const size_t size = bad && index % 3 == 1 ? from->size / 2 : bad ? 0 : from->size;
    REEL_TRY(reel_bytes_reserve(bytes, size + 1, err));
    memcpy(bytes->data, from->data, size);
    bytes->size = size;
    return REEL_OK;
}

static void store_sample_name(const void *self, int64_t index, char *text, size_t size)
{
    (void)self;
    snprintf(text, size, "sample %" PRId64, index);
}

static struct store store;
static reel_dataset *data;
static reel_error err;
static const reel_transform transform = {
    .size = 16, .crop = REEL_CROP_RANDOM_RESIZED, .flip = 0.5, .hue = 0.1};

static void set_up(void)
{
    static const reel_source source = {.name = "store", REEL_SAMPLES_OF(store)};
    for (uint32_t i = 0; i < 8; i++)
        store.images[i] = encoded(40 + i, 30, i, i == 3);
    store.count = 103;
    MUST(reel_dataset_create(&data, &source, &store, (const char *const[]){"a", "b", "c", "d"}, 4,
                             &err),
         err);
}

static void tear_down(void)
{
    reel_dataset_destroy(data);
    for (int i = 0; i < 8; i++)
        reel_bytes_free(&store.images[i]);
}

TestSuite(loader, .init = set_up, .fini = tear_down);

static uint32_t crc_of_batch(const reel_batch *b)
{
    uLong crc = crc32(0, b->images.data, (uInt)reel_tensor_bytes(&b->images));
    crc = crc32(crc, (const Bytef *)b->labels, (uInt)(b->n * (int64_t)sizeof *b->labels));
    crc = crc32(crc, (const Bytef *)b->indices, (uInt)(b->n * (int64_t)sizeof *b->indices));
    return (uint32_t)crc;
}

/* CRCs of the batches up to the end or `most`; returns how many. */
static int64_t run(reel_loader_config config, uint32_t *crcs, int64_t most, int64_t *bad,
                   int64_t *replaced)
{
    reel_loader *l;
    reel_batch b;
    MUST(reel_loader_create(&l, data, &transform, &config, &err), err);
    int64_t n = 0, sum = 0;
    for (; n < most; n++) {
        MUST(reel_loader_next(l, &b, &err), err);
        if (b.n == 0)
            break;
        cr_assert(b.images.shape[0] == b.n && b.images.shape[1] == 3 && b.images.shape[2] == 16 &&
                  b.images.shape[3] == 16);
        cr_assert(reel_tensor_is_canonical(&b.images));
        const int64_t number = config.epoch * reel_loader_batches_per_epoch(l) + config.first + n;
        cr_assert(b.epoch * reel_loader_batches_per_epoch(l) + b.index == number,
                  "batch %" PRId64 " says %" PRId64 ".%" PRId64, number, b.epoch, b.index);
        for (int64_t i = 0; i < b.n; i++)
            cr_assert(b.labels[i] == b.indices[i] % 4, "batch %" PRId64 ", place %" PRId64, n, i);
        crcs[n] = crc_of_batch(&b);
        sum += b.bad;
    }
    if (bad)
        *bad = reel_loader_bad_count(l);
    if (replaced)
        *replaced = sum;
    reel_loader_destroy(l);
    return n;
}

static const reel_loader_config usual = {
    .batch = 10, .workers = 2, .seed = 42, .shuffle = true, .epochs = 3};

static void expect_same(const uint32_t *a, const uint32_t *b, int64_t n, const char *what)
{
    for (int64_t i = 0; i < n; i++)
        cr_expect(a[i] == b[i], "%s: batch %" PRId64 " has CRC %08x, expected %08x", what, i, a[i],
                  b[i]);
}

Test(loader, in_turns_the_batches_are_the_same_and_nothing_is_loaded_ahead)
{
    uint32_t expected[40], got[40];
    reel_loader_config config = {
        .batch = 10, .workers = 2, .shuffle = true, .epochs = 3, .max_bad = 1};
    const int64_t n = run(config, expected, 40, NULL, NULL);
    config.in_turns = true;
    for (config.workers = 1; config.workers <= 16; config.workers += 5) {
        cr_expect(run(config, got, 40, NULL, NULL) == n);
        for (int64_t i = 0; i < n; i++)
            cr_expect(got[i] == expected[i],
                      "%d workers, batch %" PRId64 ": CRC %08x, expected %08x", config.workers, i,
                      got[i], expected[i]);
    }
    reel_loader *l;
    reel_batch b;
    MUST(reel_loader_create(&l, data, &transform, &config, &err), err);
    usleep(20000);
    cr_expect(reel_loader_sample_seconds(l) == 0, "something was loaded before it was asked for");
    MUST(reel_loader_next(l, &b, &err), err);
    cr_expect(reel_loader_sample_seconds(l) > 0);
    reel_loader_destroy(l);
}

/* A part of an epoch: ranks evaluate consecutive batches. */
Test(loader, a_limit_of_batches_ends_it_and_changes_none)
{
    uint32_t all[40], got[40];
    reel_loader_config config = {.batch = 10, .workers = 2, .epochs = 1, .max_bad = 1};
    const int64_t n = run(config, all, 40, NULL, NULL);
    config.first = 1;
    config.batches = 2;
    cr_assert(n > 3 && run(config, got, 40, NULL, NULL) == 2);
    expect_same(got, all + 1, 2, "two batches");
    config.first = n - 1; /* the end of the epochs comes first */
    cr_assert_eq(run(config, got, 40, NULL, NULL), 1);
    expect_same(got, all + n - 1, 1, "the last batch");

    reel_loader *l;
    config.batches = -1;
    cr_expect_eq(reel_loader_create(&l, data, &transform, &config, &err), REEL_ERR_INVALID);
}

Test(loader, batches_are_the_same_for_any_number_of_workers_and_any_ring)
{
    uint32_t first[64], other[64];
    const int64_t n = run(usual, first, 64, NULL, NULL);
    cr_assert(n == 33, "%" PRId64 " batches, expected 33", n);
    static const int modes[][2] = {{1, 0}, {1, 2}, {5, 0}, {3, 40}, {16, 3}};
    for (int i = 0; i < (int)REEL_COUNT(modes); i++) {
        reel_loader_config config = usual;
        config.workers = modes[i][0];
        config.prefetch = modes[i][1];
        cr_assert(run(config, other, 64, NULL, NULL) == n);
        expect_same(other, first, n, "other workers");
    }
}

Test(loader, a_run_resumed_at_any_batch_goes_on_the_same)
{
    uint32_t all[64], rest[64];
    const int64_t n = run(usual, all, 64, NULL, NULL);
    static const int workers[] = {1, 2, 5, 16};
    for (int64_t start = 1; start <= n; start++) {
        reel_loader_config config = usual;
        config.workers = workers[start % 4];
        config.epoch = start / 11;
        config.first = start % 11;
        const int64_t left = run(config, rest, 64, NULL, NULL);
        cr_expect(left == n - start,
                  "from batch %" PRId64 ": %" PRId64 " batches, expected %" PRId64, start, left,
                  n - start);
        expect_same(rest, all + start, left, "resumed");
    }
}

Test(loader, every_sample_comes_once_an_epoch_and_orders_differ)
{
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        reel_loader_config config = usual;
        config.shuffle = shuffle;
        config.epochs = 2;
        reel_loader *l;
        reel_batch b;
        int64_t order[2][103], at = 0;
        int seen[2][103] = {{0}};
        MUST(reel_loader_create(&l, data, &transform, &config, &err), err);
        for (;;) {
            MUST(reel_loader_next(l, &b, &err), err);
            if (b.n == 0)
                break;
            cr_expect(b.n == (b.index == 10 ? 3 : 10), "batch %" PRId64 " has %" PRId64 " samples",
                      b.index, b.n);
            for (int64_t i = 0; i < b.n; i++, at++) {
                order[b.epoch][at % 103] = b.indices[i];
                seen[b.epoch][b.indices[i]]++;
            }
        }
        cr_assert(at == 206);
        for (int e = 0; e < 2; e++)
            for (int i = 0; i < 103; i++)
                cr_expect(seen[e][i] == 1, "epoch %d: sample %d came %d times", e, i, seen[e][i]);
        const bool sorted = order[0][0] == 0 && order[0][1] == 1 && order[0][50] == 50;
        cr_expect(sorted == !shuffle);
        cr_expect((memcmp(order[0], order[1], sizeof order[0]) != 0) == shuffle);
        reel_loader_destroy(l);
    }
}

Test(loader, the_incomplete_batch_can_be_left_out)
{
    reel_loader_config config = usual;
    config.drop_last = true;
    uint32_t crcs[64];
    cr_expect(run(config, crcs, 64, NULL, NULL) == 30);
}

struct log {
    int64_t n, index[200];
};

static void on_bad(void *user, int64_t index, const char *name, const char *reason)
{
    struct log *log = user;
    char expected[40];
    snprintf(expected, sizeof expected, "sample %" PRId64, index);
    cr_expect(strcmp(name, expected) == 0 && reason[0] != 0, "%s: %s", name, reason);
    if (log->n < 200)
        log->index[log->n++] = index;
}

Test(loader, ten_percent_of_bad_samples_are_replaced_counted_exactly_and_reported_in_order)
{
    static bool bad[103];
    int64_t count = 0;
    for (int64_t i = 0; i < 103; i++)
        count += bad[i] = i * 7 % 10 == 3;
    store.bad = bad;
    uint32_t first[64], other[64];
    struct log logs[4] = {{0}};
    int64_t met, replaced, n = 0;
    static const int workers[] = {1, 2, 5, 16};
    for (int i = 0; i < 4; i++) {
        reel_loader_config config = usual;
        config.workers = workers[i];
        config.max_bad = 0.2;
        config.on_bad = on_bad;
        config.user = &logs[i];
        n = run(config, i ? other : first, 64, &met, &replaced);
        cr_expect(n == 33);
        cr_expect(met == count, "%d workers: %" PRId64 " bad, expected %" PRId64, workers[i], met,
                  count);
        cr_expect(replaced == 3 * count, "%d workers: %" PRId64 " replaced, expected %" PRId64,
                  workers[i], replaced, 3 * count);
        cr_expect(logs[i].n == count, "%d workers: %" PRId64 " reports, expected %" PRId64,
                  workers[i], logs[i].n, count);
        cr_expect(memcmp(&logs[i], &logs[0], sizeof logs[0]) == 0,
                  "%d workers: reports come in another order", workers[i]);
        if (i)
            expect_same(other, first, n, "with bad samples");
    }
    for (int64_t start = 1; start < 33; start++) {
        reel_loader_config config = usual;
        config.workers = workers[start % 4];
        config.max_bad = 0.2;
        config.epoch = start / 11;
        config.first = start % 11;
        cr_expect(run(config, other, 64, NULL, NULL) == n - start);
        expect_same(other, first + start, n - start, "resumed with bad samples");
    }
}

static void on_slow(void *user, int64_t index, const char *name, double spent)
{
    struct log *log = user;
    char expected[40];
    snprintf(expected, sizeof expected, "sample %" PRId64, index);
    cr_expect(strcmp(name, expected) == 0, "%s", name);
    cr_expect(spent >= 0.2, "told after %g s, expected 0.2 or more", spent);
    if (log->n < 200)
        log->index[log->n++] = index;
}

Test(loader, a_stalled_read_is_told_once_and_changes_nothing)
{
    uint32_t expected[64], got[64];
    run(usual, expected, 64, NULL, NULL);
    static const int workers[] = {1, 5};

    for (int i = 0; i < 4; i++) {
        struct log log = {0};
        reel_loader_config config = usual;
        config.workers = workers[i % 2];
        config.in_turns = i >= 2;
        config.epochs = 1;
        config.on_slow = on_slow;
        config.slow_seconds = 0.2;
        config.user = &log;
        store.stalled = 77;
        cr_expect(run(config, got, 64, NULL, NULL) == 11);
        expect_same(got, expected, 11, "with a stalled read");
        /* A machine with other work may keep a sample or two waiting as long; none is told of
         * twice. */
        int told[103] = {0}, most = 0;
        for (int64_t k = 0; k < log.n; k++) {
            const int times = ++told[log.index[k]];
            most = times > most ? times : most;
        }
        cr_expect(told[77] == 1 && most == 1 && log.n < 10,
                  "%d workers: sample 77 told %d times, one of them %d times, %" PRId64
                  " words, expected one, of sample 77",
                  config.workers, told[77], most, (int64_t)log.n);
    }
}

Test(loader, more_bad_samples_than_allowed_end_the_run_at_the_same_batch)
{
    static bool bad[103];
    for (int64_t i = 0; i < 103; i++)
        bad[i] = i % 5 == 0; /* 21 */
    store.bad = bad;
    int64_t where[3];
    for (int k = 0; k < 3; k++) {
        reel_loader_config config = usual;
        config.workers = 1 + 2 * k;
        config.max_bad = 0.15; /* 15.45 */
        reel_loader *l;
        reel_batch b;
        MUST(reel_loader_create(&l, data, &transform, &config, &err), err);
        reel_status status = REEL_OK;
        for (where[k] = 0; status == REEL_OK && where[k] < 33; where[k]++)
            status = reel_loader_next(l, &b, &err);
        cr_expect(status == REEL_ERR_BAD_DATA, "status %d", (int)status);
        check_message(&err);
        cr_expect(strstr(err.message, "16 of 103") != NULL, "\"%s\"", err.message);
        cr_expect(reel_loader_next(l, &b, &err) == REEL_ERR_BAD_DATA && b.n == 0,
                  "after a failure next succeeds");
        reel_loader_destroy(l);
        cr_expect(where[k] == where[0], "batch %" PRId64 ", with one worker %" PRId64, where[k],
                  where[0]);
    }
}

Test(loader, one_bad_sample_is_always_allowed_and_none_good_is_an_error)
{
    static bool bad[103];
    bad[50] = true;
    store.bad = bad;
    uint32_t crcs[64];
    int64_t met;
    reel_loader_config config = usual;
    config.max_bad = 0.0001;
    cr_expect(run(config, crcs, 64, &met, NULL) == 33 && met == 1);
    memset(bad, true, sizeof bad);
    config.max_bad = 1;
    reel_loader *l;
    reel_batch b;
    MUST(reel_loader_create(&l, data, &transform, &config, &err), err);
    cr_expect(reel_loader_next(l, &b, &err) == REEL_ERR_BAD_DATA);
    cr_expect(strstr(err.message, "no readable sample") != NULL, "\"%s\"", err.message);
    reel_loader_destroy(l);
}

Test(loader, it_can_be_destroyed_at_any_moment)
{
    store.delay = 300;
    for (int64_t taken = 0; taken < 12; taken++)
        for (int pause = 0; pause < 3; pause++) {
            reel_loader_config config = usual;
            config.workers = 1 + pause * 2;
            config.epochs = 0;
            reel_loader *l;
            reel_batch b;
            MUST(reel_loader_create(&l, data, &transform, &config, &err), err);
            for (int64_t i = 0; i < taken; i++)
                MUST(reel_loader_next(l, &b, &err), err);
            usleep((useconds_t)(pause * 700));
            const double begin = now();
            reel_loader_destroy(l);
            cr_expect(now() - begin < 0.5, "took %g s", now() - begin);
        }
    store.delay = 0;
}

Test(loader, a_batch_stays_as_it_is_until_the_next_call)
{
    reel_loader_config config = usual;
    config.prefetch = 2;
    config.workers = 4;
    reel_loader *l;
    reel_batch b;
    MUST(reel_loader_create(&l, data, &transform, &config, &err), err);
    for (int i = 0; i < 5; i++) {
        MUST(reel_loader_next(l, &b, &err), err);
        const uint32_t before = crc_of_batch(&b);
        usleep(20000); /* time for the workers to fill all they may */
        cr_expect(crc_of_batch(&b) == before, "batch %d changed in the caller's hands", i);
    }
    reel_loader_destroy(l);
}

Test(loader, one_image_and_one_class_work_and_too_few_for_a_batch_are_refused)
{
    reel_dataset *one;
    MUST(reel_dataset_subset(&one, data, (const int64_t[]){7}, 1, &err), err);
    reel_loader_config config = {.batch = 4, .epochs = 3, .shuffle = true};
    reel_loader *l;
    reel_batch b;
    MUST(reel_loader_create(&l, one, &transform, &config, &err), err);
    for (int i = 0; i < 3; i++) {
        MUST(reel_loader_next(l, &b, &err), err);
        cr_expect(b.n == 1 && b.epoch == i && b.labels[0] == 3,
                  "batch %d: n %" PRId64 ", epoch %" PRId64, i, b.n, b.epoch);
    }
    MUST(reel_loader_next(l, &b, &err), err);
    cr_expect(b.n == 0, "a batch after the end");
    MUST(reel_loader_next(l, &b, &err), err);
    cr_expect(b.n == 0, "a batch after the end");
    reel_loader_destroy(l);
    config.drop_last = true;
    cr_expect(reel_loader_create(&l, one, &transform, &config, &err) == REEL_ERR_INVALID &&
              l == NULL);
    check_message(&err);
    reel_dataset_destroy(one);
}

Test(loader, settings_that_cannot_work_are_refused)
{
    static const reel_loader_config configs[] = {{.batch = -1},       {.workers = -1},
                                                 {.workers = 100000}, {.epoch = -1},
                                                 {.first = -1},       {.max_bad = 2}};
    reel_loader *l;
    for (int64_t i = 0; i < REEL_COUNT(configs); i++) {
        cr_expect(reel_loader_create(&l, data, &transform, &configs[i], &err) == REEL_ERR_INVALID &&
                      l == NULL,
                  "config %" PRId64, i);
        check_message(&err);
    }
    const reel_transform wrong = {.flip = 3};
    cr_expect(reel_loader_create(&l, data, &wrong, &usual, &err) == REEL_ERR_INVALID);
}

Test(loader, seeds_and_epochs_give_different_permutations_that_are_uniform)
{
    enum { N = 6, TRIES = 6000 };
    int counts[N][N] = {{0}};
    for (uint32_t epoch = 0; epoch < TRIES; epoch++) {
        int64_t order[N];
        int seen = 0;
        reel_permutation(order, N, 9, epoch);
        for (int i = 0; i < N; i++) {
            counts[i][order[i]]++;
            seen |= 1 << order[i];
        }
        cr_assert(seen == (1 << N) - 1, "epoch %u is no permutation", epoch);
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            cr_expect(abs(counts[i][j] - TRIES / N) < 150,
                      "%d at place %d: %d times, expected about %d", j, i, counts[i][j], TRIES / N);
}
