/* Loaders that share whole batches, or go through them in turn: the same samples, labels and
 * augmentation as one loader of whole batches. */
#include "data/loader.h"
#include "tests/unit/data/data_test.h"

enum { COUNT = 50, WHOLE = 12, SIZE = 8, PIXELS = 3 * SIZE * SIZE };

static reel_bytes pictures[4];
static reel_error err;
static reel_dataset *data;

static int64_t pictures_size(const void *self)
{
    (void)self;
    return COUNT;
}

static int64_t pictures_label(const void *self, int64_t index)
{
    (void)self;
    return index * 7 % 5;
}

static reel_status pictures_sample(const void *self, int64_t index, reel_bytes *bytes,
                                   reel_error *why)
{
    (void)self;
    const reel_bytes *from = &pictures[index % 4];
    if (index == 17)
        return reel_fail(why, REEL_ERR_IO, "sample 17 is gone");
    REEL_TRY(reel_bytes_reserve(bytes, from->size + 1, why));
    memcpy(bytes->data, from->data, from->size);
    bytes->size = from->size;
    return REEL_OK;
}

static void pictures_sample_name(const void *self, int64_t index, char *text, size_t size)
{
    (void)self;
    snprintf(text, size, "picture %" PRId64, index);
}

static void open_pictures(void)
{
    static const reel_source source = {.name = "pictures", REEL_SAMPLES_OF(pictures)};
    for (uint32_t i = 0; i < 4; i++)
        pictures[i] = encoded(20 + i, 16, i, i == 3);
    MUST(reel_dataset_create(&data, &source, pictures,
                             (const char *const[]){"a", "b", "c", "d", "e"}, 5, &err),
         err);
}

static void close_pictures(void)
{
    reel_dataset_destroy(data);
    for (int i = 0; i < 4; i++)
        reel_bytes_free(&pictures[i]);
}

TestSuite(loader_parts, .init = open_pictures, .fini = close_pictures);

/* What two epochs yield: a place for each sample of each whole batch. */
typedef struct yielded {
    int64_t labels[200], indices[200];
    float pixels[200 * PIXELS];
} yielded;

static const int64_t batches = COUNT / WHOLE; /* an epoch's whole batches */

/* Runs a loader of parts, and puts its samples where a loader of whole batches has them. */
static void load_parts(yielded *to, reel_loader_config config)
{
    const reel_transform transform = {
        .size = SIZE, .crop = REEL_CROP_RANDOM_RESIZED, .flip = 0.5, .hue = 0.1};
    const int64_t parts = config.parts ? config.parts : 1;
    reel_loader *loader;
    reel_batch b;
    config.seed = 5;
    config.shuffle = config.drop_last = true;
    config.epochs = 2;
    config.max_bad = 1;
    MUST(reel_loader_create(&loader, data, &transform, &config, &err), err);
    cr_assert_eq(reel_loader_batches_per_epoch(loader), batches * parts);

    for (;;) {
        MUST(reel_loader_next(loader, &b, &err), err);
        if (b.n == 0)
            break;
        const int64_t at = (b.epoch * batches + b.index / parts) * WHOLE + config.part +
                           b.index % parts * config.batch;
        memcpy(to->labels + at, b.labels, (size_t)b.n * sizeof *b.labels);
        memcpy(to->indices + at, b.indices, (size_t)b.n * sizeof *b.indices);
        memcpy(to->pixels + at * PIXELS, b.images.data, (size_t)(b.n * PIXELS) * sizeof(float));
    }
    reel_loader_destroy(loader);
}

static void compare_parts(bool balanced)
{
    static yielded whole, shared, in_turn;
    load_parts(&whole, (reel_loader_config){.batch = WHOLE, .class_balanced = balanced});

    /* Three loaders: 6, 4 and 2 samples of each whole batch. */
    const int64_t cuts[] = {0, 6, 10, 12};
    for (int i = 0; i < 3; i++)
        load_parts(&shared, (reel_loader_config){.batch = cuts[i + 1] - cuts[i],
                                                 .whole = WHOLE,
                                                 .part = cuts[i],
                                                 .workers = i + 1,
                                                 .class_balanced = balanced});
    cr_expect(memcmp(&whole, &shared, sizeof whole) == 0, "shared");

    /* One loader that goes through four parts, and one whose part is the rest. */
    load_parts(&in_turn, (reel_loader_config){
                             .batch = 2, .whole = WHOLE, .parts = 4, .class_balanced = balanced});
    load_parts(&in_turn,
               (reel_loader_config){
                   .batch = 2, .whole = WHOLE, .part = 8, .parts = 2, .class_balanced = balanced});
    cr_expect(memcmp(&whole, &in_turn, sizeof whole) == 0, "in turn");
}

Test(loader_parts, are_those_of_whole_batches)
{
    compare_parts(false);
}

Test(loader_parts, are_those_of_whole_batches_with_balanced_classes)
{
    compare_parts(true);
}

/* A resumed loader begins at a part. */
Test(loader_parts, begin_anywhere)
{
    const reel_transform transform = {.size = SIZE};
    reel_loader_config config = {.batch = 3,
                                 .whole = WHOLE,
                                 .parts = 4,
                                 .shuffle = true,
                                 .drop_last = true,
                                 .epochs = 1,
                                 .max_bad = 1};
    int64_t first[3];
    reel_loader *loader;
    reel_batch b;
    MUST(reel_loader_create(&loader, data, &transform, &config, &err), err);
    for (int i = 0; i <= 6; i++)
        MUST(reel_loader_next(loader, &b, &err), err);
    memcpy(first, b.indices, sizeof first);
    reel_loader_destroy(loader);

    config.first = 6;
    MUST(reel_loader_create(&loader, data, &transform, &config, &err), err);
    MUST(reel_loader_next(loader, &b, &err), err);
    cr_expect_eq(b.index, 6);
    cr_expect(memcmp(first, b.indices, sizeof first) == 0);
    reel_loader_destroy(loader);
}

Test(loader_parts, that_cannot_be_are_refused)
{
    const reel_loader_config wrong[] = {
        {.batch = 5, .whole = 12, .parts = 3, .drop_last = true, .max_bad = 1},
        {.batch = 4, .whole = 12, .part = 9, .drop_last = true, .max_bad = 1},
        {.batch = 4, .whole = 12, .part = -1, .drop_last = true, .max_bad = 1},
        {.batch = 4, .whole = 12, .max_bad = 1},
        {.batch = 4, .part = 1, .drop_last = true, .max_bad = 1},
        {.batch = 4, .whole = 60, .drop_last = true, .max_bad = 1},
    };
    const reel_transform transform = {.size = SIZE};
    for (int i = 0; i < REEL_COUNT(wrong); i++) {
        reel_loader *loader;
        cr_expect_eq(reel_loader_create(&loader, data, &transform, &wrong[i], &err),
                     REEL_ERR_INVALID, "%d", i);
        cr_expect_null(loader);
    }
}
