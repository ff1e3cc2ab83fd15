/* Balanced classes: how often each comes and in which order, and what the loader makes of repeated
 * samples. */
#include <zlib.h>

#include "data/loader.h"
#include "tests/unit/data/memory_set.h"

/* 103 small pictures in memory. Class 2 has none, class 4 a single one; the others 60, 7, 30 and 5.
 */
enum { COUNT = 103, CLASSES = 6, WITH_IMAGES = 5 };
static const int64_t sizes[CLASSES] = {60, 7, 0, 30, 1, 5};

static reel_bytes images[8];
static reel_dataset *data;
static reel_error err;
static const reel_transform transform = {
    .size = 16, .crop = REEL_CROP_RANDOM_RESIZED, .flip = 0.5, .hue = 0.1};
static const reel_loader_config usual = {
    .batch = 10, .workers = 2, .seed = 42, .shuffle = true, .epochs = 3, .class_balanced = true};

/* Spread, so that index and class have nothing to do with each other. */
static int64_t label_of(int64_t index)
{
    int64_t rank = index * 37 % COUNT, c = 0;
    while (rank >= sizes[c])
        rank -= sizes[c++];
    return c;
}

static struct memory_set set = {.count = COUNT, .label = label_of, .images = images};

static void set_up(void)
{
    for (uint32_t i = 0; i < 8; i++)
        images[i] = encoded(40 + i, 30, i, i == 3);
    data = open_memory_set(&set, (const char *const[]){"a", "b", "c", "d", "e", "f"}, CLASSES);
}

static void tear_down(void)
{
    reel_dataset_destroy(data);
    for (int i = 0; i < 8; i++)
        reel_bytes_free(&images[i]);
}

TestSuite(balance, .init = set_up, .fini = tear_down);

/* Largest difference between how often two classes with images come in order[0 .. n-1]. */
static int64_t spread(const int64_t *order, int64_t n)
{
    int64_t seen[CLASSES] = {0}, least = n, most = 0;
    for (int64_t i = 0; i < n; i++)
        seen[label_of(order[i])]++;
    for (int c = 0; c < CLASSES; c++)
        if (sizes[c]) {
            if (seen[c] < least)
                least = seen[c];
            if (seen[c] > most)
                most = seen[c];
        }
    return most - least;
}

Test(balance, every_class_comes_equally_often_up_to_any_place_of_a_run)
{
    enum { EPOCHS = 20 };
    static int64_t order[EPOCHS * COUNT];
    static const int64_t lengths[] = {
        COUNT, 100, 3}; /* of an epoch: no whole blocks, whole ones, less than one */
    reel_balance *b;
    MUST(reel_balance_create(&b, data, &err), err);
    for (uint64_t seed = 0; seed < 5; seed++)
        for (int k = 0; k < 3; k++) {
            for (uint32_t epoch = 0; epoch < EPOCHS; epoch++)
                reel_balance_epoch(b, order + epoch * lengths[k], lengths[k], seed, epoch);
            for (int64_t n = 1; n <= EPOCHS * lengths[k]; n++)
                cr_assert(spread(order, n) <= 1,
                          "seed %" PRIu64 ", epochs of %" PRId64 ", first %" PRId64
                          ": classes differ by %" PRId64,
                          seed, lengths[k], n, spread(order, n));
            for (int64_t e = 0; e < EPOCHS; e++)
                cr_assert(spread(order + e * lengths[k], lengths[k]) <= 2);
        }
    reel_balance_destroy(b);
}

Test(balance, an_epoch_is_a_function_of_seed_and_number_and_all_differ)
{
    reel_balance *b, *fresh;
    int64_t order[3][12][COUNT], again[COUNT];
    MUST(reel_balance_create(&b, data, &err), err);
    for (uint64_t seed = 0; seed < 3; seed++)
        for (uint32_t epoch = 0; epoch < 12; epoch++) {
            reel_balance_epoch(b, order[seed][epoch], COUNT, seed, epoch);
            for (uint32_t other = 0; other < epoch; other++)
                cr_expect(memcmp(order[seed][epoch], order[seed][other], sizeof again) != 0,
                          "epochs %u and %u are the same", epoch, other);
        }
    cr_expect(memcmp(order[0], order[1], sizeof order[0]) != 0, "the seed changes nothing");
    for (int64_t i = 35; i >= 0;
         i--) { /* backwards, by one that has seen others and by one that has seen none */
        const uint64_t seed = (uint64_t)(i / 12);
        const uint32_t epoch = (uint32_t)(i % 12);
        reel_balance_epoch(b, again, COUNT, seed, epoch);
        cr_expect(memcmp(again, order[seed][epoch], sizeof again) == 0,
                  "seed %" PRIu64 ", epoch %u differs the second time", seed, epoch);
        MUST(reel_balance_create(&fresh, data, &err), err);
        reel_balance_epoch(fresh, again, COUNT, seed, epoch);
        cr_expect(memcmp(again, order[seed][epoch], sizeof again) == 0,
                  "seed %" PRIu64 ", epoch %u depends on what came before", seed, epoch);
        reel_balance_destroy(fresh);
    }
    reel_balance_destroy(b);
}

static void expect_rounds(const int64_t *drawn, int64_t n, const char *what)
{
    int64_t times[COUNT] = {0}, of_class[CLASSES] = {0};
    for (int64_t i = 0; i < n; i++) {
        const int64_t c = label_of(drawn[i]), round = of_class[c]++ / sizes[c];
        cr_assert(times[drawn[i]] == round,
                  "%s, place %" PRId64 " of the run: sample %" PRId64 " came %" PRId64
                  " times before, its class is in round %" PRId64,
                  what, i, drawn[i], times[drawn[i]], round);
        times[drawn[i]]++;
    }
}

/* An epoch of 103 ends within a block of five, and so does one of 96 to 102, which whole batches
 * may leave. */
Test(balance, no_sample_comes_again_before_the_others_of_its_class_have_come)
{
    static int64_t order[30 * COUNT];
    reel_balance *b;
    MUST(reel_balance_create(&b, data, &err), err);
    for (int64_t n = 96; n <= COUNT; n++) {
        for (uint32_t epoch = 0; epoch < 30; epoch++)
            reel_balance_epoch(b, order + epoch * n, n, 7, epoch);
        expect_rounds(order, 30 * n, "epochs by themselves");
    }
    reel_balance_destroy(b);
}

Test(balance, places_within_a_class_are_uniform)
{
    enum { TRIES = 4000 };
    reel_balance *b;
    int64_t order[COUNT];
    int first[COUNT] = {0};
    MUST(reel_balance_create(&b, data, &err), err);
    for (uint64_t seed = 0; seed < TRIES; seed++) {
        reel_balance_epoch(b, order, COUNT, seed, 0);
        first[order[0]]++;
    }
    for (int i = 0; i < COUNT; i++) {
        const double expected = (double)TRIES / WITH_IMAGES / (double)sizes[label_of(i)];
        cr_expect(fabs(first[i] - expected) < 5 * sqrt(expected),
                  "sample %d comes first %d times, expected about %g", i, first[i], expected);
    }
    reel_balance_destroy(b);
}

typedef struct seen {
    uint32_t crc[64], sample_crc[40 * 10];
    int64_t n, samples, indices[40 * 10], labels[40 * 10], bad, replaced;
} seen;

static void run(seen *s, const reel_loader_config *config)
{
    reel_loader *l;
    reel_batch b;
    *s = (seen){0};
    MUST(reel_loader_create(&l, data, &transform, config, &err), err);
    for (;;) {
        MUST(reel_loader_next(l, &b, &err), err);
        if (b.n == 0)
            break;
        uLong crc = crc32(0, b.images.data, (uInt)reel_tensor_bytes(&b.images));
        crc = crc32(crc, (const Bytef *)b.labels, (uInt)(b.n * (int64_t)sizeof *b.labels));
        s->crc[s->n++] = (uint32_t)crc32(crc, (const Bytef *)b.indices,
                                         (uInt)(b.n * (int64_t)sizeof *b.indices));
        const size_t each = reel_tensor_bytes(&b.images) / (size_t)b.n;
        for (int64_t i = 0; i < b.n; i++, s->samples++) {
            cr_assert(b.labels[i] == label_of(b.indices[i]), "batch %" PRId64 ", place %" PRId64,
                      s->n - 1, i);
            s->indices[s->samples] = b.indices[i];
            s->labels[s->samples] = b.labels[i];
            s->sample_crc[s->samples] =
                (uint32_t)crc32(0, (const Bytef *)b.images.data + (size_t)i * each, (uInt)each);
        }
        s->replaced += b.bad;
    }
    s->bad = reel_loader_bad_count(l);
    reel_loader_destroy(l);
}

static seen whole, other;

static void expect_rest(int64_t start, const char *what, int64_t which)
{
    cr_assert(other.n == whole.n - start, "%s %" PRId64 ": %" PRId64 " batches, expected %" PRId64,
              what, which, other.n, whole.n - start);
    for (int64_t i = 0; i < other.n; i++)
        cr_expect(other.crc[i] == whole.crc[start + i],
                  "%s %" PRId64 ": batch %" PRId64 " has CRC %08x, expected %08x", what, which, i,
                  other.crc[i], whole.crc[start + i]);
}

static void expect_same_however_loaded(const reel_loader_config *from)
{
    run(&whole, from);
    cr_assert(whole.n == 33 && whole.samples == 3 * COUNT,
              "%" PRId64 " batches, %" PRId64 " samples", whole.n, whole.samples);
    static const int workers[] = {1, 2, 5, 16};
    for (int i = 0; i < 4; i++) {
        reel_loader_config config = *from;
        config.workers = workers[i];
        config.in_turns = i % 2;
        run(&other, &config);
        expect_rest(0, "workers", workers[i]);
        cr_expect(other.bad == whole.bad && other.replaced == whole.replaced);
    }
    for (int64_t start = 1; start < 33; start++) {
        reel_loader_config config = *from;
        config.epoch = start / 11;
        config.first = start % 11;
        run(&other, &config);
        expect_rest(start, "resumed at", start);
    }
}

Test(balance, batches_are_the_same_for_any_number_of_workers_and_resumed_at_any_batch)
{
    expect_same_however_loaded(&usual);
    cr_expect(spread(whole.indices, 3 * COUNT) <= 1);
    expect_rounds(whole.indices, 3 * COUNT, "loaded");
    reel_loader_config config = usual;
    config.class_balanced = false;
    run(&other, &config);
    cr_expect(spread(other.indices, COUNT) == 59, "without the setting every sample comes once");
}

Test(balance, what_an_incomplete_batch_would_have_held_comes_in_the_next_epoch)
{
    reel_loader_config config = usual;
    config.drop_last = true;
    config.epochs = 4;
    run(&whole, &config);
    cr_assert(whole.samples == 400, "%" PRId64 " samples", whole.samples);
    cr_expect(spread(whole.indices, whole.samples) == 0, "classes differ by %" PRId64,
              spread(whole.indices, whole.samples));
    expect_rounds(whole.indices, whole.samples, "whole batches");
    config.epoch = 2;
    run(&other, &config);
    expect_rest(20, "resumed at", 20);
}

Test(balance, a_sample_that_comes_again_looks_different)
{
    run(&whole, &usual);
    int64_t repeats = 0;
    for (int64_t i = 0; i < whole.samples; i++)
        for (int64_t k = 0; k < i; k++)
            if (whole.indices[i] == whole.indices[k]) {
                repeats++;
                cr_expect(whole.sample_crc[i] != whole.sample_crc[k],
                          "sample %" PRId64 " looks the same at %" PRId64 " and %" PRId64,
                          whole.indices[i], k, i);
            }
    cr_expect(repeats > 1000, "%" PRId64 " repeats",
              repeats); /* the single image of a class alone: 62 * 61 / 2 */
}

Test(balance, bad_samples_are_counted_once_each_and_replaced_within_their_class_where_it_has_others)
{
    static bool gone[COUNT];
    int64_t expected = 0, places = 0;
    for (int64_t i = 0; i < COUNT; i++)
        expected += gone[i] = label_of(i) == 4 || (label_of(i) == 1 && i % 2) || i % 19 == 0;
    set.bad = gone;
    reel_loader_config config = usual;
    config.max_bad = 0.5;
    expect_same_however_loaded(&config);
    reel_balance *b;
    MUST(reel_balance_create(&b, data, &err), err);
    for (uint32_t e = 0; e < 3; e++) {
        int64_t order[COUNT];
        reel_balance_epoch(b, order, COUNT, usual.seed, e);
        for (int64_t i = 0; i < COUNT; i++) {
            const int64_t at = e * COUNT + i;
            places += gone[order[i]];
            cr_expect(!gone[whole.indices[at]], "place %" PRId64 " holds a bad sample", at);
            if (!gone[order[i]])
                cr_expect(whole.indices[at] == order[i],
                          "place %" PRId64 ": %" PRId64 ", expected %" PRId64, at,
                          whole.indices[at], order[i]);
            else if (label_of(order[i]) != 4)
                cr_expect(whole.labels[at] == label_of(order[i]),
                          "place %" PRId64 ": class %" PRId64 ", expected %" PRId64, at,
                          whole.labels[at], label_of(order[i]));
        }
    }
    cr_expect(whole.replaced == places, "%" PRId64 " places replaced, expected %" PRId64,
              whole.replaced, places);
    cr_expect(whole.bad <= expected && whole.bad > expected / 2,
              "%" PRId64 " bad samples, expected at most %" PRId64, whole.bad, expected);
    reel_balance_destroy(b);
}

Test(balance, it_needs_shuffle)
{
    reel_loader *l;
    const reel_loader_config config = {.class_balanced = true};
    cr_expect(reel_loader_create(&l, data, &transform, &config, &err) == REEL_ERR_INVALID &&
              l == NULL);
    check_message(&err);
}
