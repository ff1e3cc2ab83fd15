/* CIFAR-10 and CIFAR-100, binary version: records of a label (CIFAR-100: of two, coarse and fine)
 * and 32 x 32 pixels in three planes. Labels are read once; pixels when their turn comes. Format:
 * Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html.
 *
 * Training data is data_batch_1.bin .. data_batch_5.bin (as many as there are) or train.bin;
 * validation data test_batch.bin or test.bin. */
#include "data/sources/cifar.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/codecs/pnm.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/common/span.h"
#include "data/sources/common/text.h"

enum { SIDE = 32, PIXELS = SIDE * SIDE, MOST_FILES = 5, BLOCK = 64, MOST_RECORDS = 10000000 };

struct cifar {
    int64_t n;
    int classes; /* 10 or 100 */
    int labels;  /* bytes before the pixels: 1, or 2 of which the second counts */
    uint8_t *label;
    struct {
        reel_span span;
        int64_t first; /* index of its first record */
        char name[40];
    } files[MOST_FILES];
    int n_files;
};

static int64_t cifar_size(const void *self)
{
    return ((const struct cifar *)self)->n;
}

static int64_t cifar_label(const void *self, int64_t index)
{
    return ((const struct cifar *)self)->label[index];
}

static int file_of(const struct cifar *c, int64_t index)
{
    int f = c->n_files - 1;
    while (index < c->files[f].first)
        f--;
    return f;
}

static void cifar_sample_name(const void *self, int64_t index, char *text, size_t size)
{
    const struct cifar *c = self;
    const int f = file_of(c, index);
    snprintf(text, size, "%s[%" PRId64 "]", c->files[f].name, index - c->files[f].first);
}

static reel_status cifar_sample(const void *self, int64_t index, reel_bytes *bytes, reel_error *err)
{
    const struct cifar *c = self;
    const int f = file_of(c, index), record = c->labels + 3 * PIXELS;
    uint8_t planes[3 * PIXELS], *rgb;
    const uint64_t at =
        (uint64_t)(index - c->files[f].first) * (uint64_t)record + (uint64_t)c->labels;
    REEL_TRY(reel_span_read(&c->files[f].span, at, planes, sizeof planes, err));
    REEL_TRY(reel_pnm_begin(bytes, SIDE, SIDE, 3, &rgb, err));
    for (int i = 0; i < PIXELS; i++)
        for (int k = 0; k < 3; k++)
            rgb[3 * i + k] = planes[k * PIXELS + i];
    return REEL_OK;
}

static void cifar_destroy(void *self)
{
    struct cifar *c = self;
    for (int f = 0; f < c->n_files; f++)
        if (!c->files[f].span.memory)
            close(c->files[f].span.file);
    free(c->label);
    free(c);
}

/* Labels of the n records of a file, behind those that are there. */
static reel_status read_labels(struct cifar *c, const reel_span *span, uint64_t n, const char *name,
                               reel_error *err)
{
    const uint64_t record = (uint64_t)c->labels + 3 * PIXELS;
    uint8_t *block = malloc(BLOCK * (size_t)record);
    if (!block)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for %" PRIu64 " labels", n);

    reel_status status = REEL_OK;
    for (uint64_t i = 0; status == REEL_OK && i < n; i += BLOCK) {
        const uint64_t some = n - i < BLOCK ? n - i : BLOCK;
        status = reel_span_read(span, i * record, block, (size_t)(some * record), err);
        for (uint64_t k = 0; status == REEL_OK && k < some; k++) {
            /* The last byte before the pixels: of two labels the fine one. */
            const uint8_t label = block[k * record + (uint64_t)c->labels - 1];
            if (label >= c->classes)
                status = reel_fail(err, REEL_ERR_FORMAT,
                                   "%s: record %" PRIu64 " has label %d, expected 0 to %d", name,
                                   i + k, label, c->classes - 1);
            c->label[c->n + (int64_t)(i + k)] = label;
        }
    }
    free(block);
    return status;
}

/* Takes over the span's file. */
static reel_status add_file(struct cifar *c, const reel_span *span, const char *name,
                            reel_error *err)
{
    const uint64_t record = (uint64_t)c->labels + 3 * PIXELS, n = span->size / record;
    /* Noted before the checks: destroy closes the file, also of a damaged one. */
    c->files[c->n_files].span = *span;
    c->files[c->n_files].first = c->n;
    snprintf(c->files[c->n_files++].name, sizeof c->files[0].name, "%s", name);
    if (span->size % record || n == 0 || n > MOST_RECORDS)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: %" PRIu64 " bytes, expected a multiple of %" PRIu64
                         " (records of %d + 3072)",
                         name, span->size, record, c->labels);

    uint8_t *label = realloc(c->label, (size_t)c->n + (size_t)n);
    if (!label)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for %" PRIu64 " labels", n);
    c->label = label;
    REEL_TRY(read_labels(c, span, n, name, err));
    c->n += (int64_t)n;
    return REEL_OK;
}

static reel_status cifar_new(struct cifar **out, bool hundred, reel_error *err)
{
    struct cifar *c = *out = calloc(1, sizeof *c);
    if (!c)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for a dataset");
    c->classes = hundred ? 100 : 10;
    c->labels = hundred ? 2 : 1;
    return REEL_OK;
}

/* ---- where ---- */

static bool has_file(const char *folder, const char *name)
{
    char path[REEL_DATA_PATH + 40];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return reel_is_file(path);
}

static reel_sniff cifar_sniff(const char *data, const char *split, char *path)
{
    static const char *const folders[] = {"", "/cifar-10-batches-bin", "/cifar-100-binary"};
    for (int64_t i = 0; i < REEL_COUNT(folders); i++) {
        if (snprintf(path, REEL_DATA_PATH, "%s%s", data, folders[i]) >= REEL_DATA_PATH)
            break;
        const bool train = has_file(path, "data_batch_1.bin") || has_file(path, "train.bin");
        const bool test = has_file(path, "test_batch.bin") || has_file(path, "test.bin");
        if (!train && !test)
            continue;
        if (!split || strcmp(split, "train") == 0)
            return train ? REEL_SNIFF_FOUND : REEL_SNIFF_NO_SPLIT;
        const bool asked = reel_is_val(split) || strcmp(split, "test") == 0;
        return test && asked ? REEL_SNIFF_FOUND : REEL_SNIFF_NO_SPLIT;
    }
    return REEL_SNIFF_OTHER;
}

/* Lines of batches.meta.txt or fine_label_names.txt; where there are none, CIFAR-10's names are
 * known. */
static reel_status class_names(reel_names *names, const char *folder, bool hundred, reel_error *err)
{
    static const char *const ten[10] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                        "dog",      "frog",       "horse", "ship", "truck"};
    enum { MOST_BYTES = 1 << 20 };
    const char *file = hundred ? "fine_label_names.txt" : "batches.meta.txt";
    const int64_t n = hundred ? 100 : 10;
    char path[REEL_DATA_PATH + 40];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    /* A file of names that cannot be used is no reason to fail. */
    if (reel_is_file(path)) {
        reel_error why = {0};
        const reel_status status = reel_names_from_file(names, path, MOST_BYTES, n, &why);
        if (status == REEL_ERR_MEMORY)
            return reel_fail(err, status, "%s", why.message);
        if (status == REEL_OK && reel_names_count(names) == n)
            return REEL_OK;
        reel_names_free(names);
    }

    if (hundred)
        return reel_number_names(names, folder, n, err);
    for (int i = 0; i < 10; i++)
        REEL_TRY(reel_names_add(names, ten[i], strlen(ten[i]), err));
    return REEL_OK;
}

/* The names of the files of a split; those of training data in batches may be fewer. */
static int split_files(char names[MOST_FILES][32], bool val, bool hundred)
{
    if (val || hundred) {
        const char *test = hundred ? "test.bin" : "test_batch.bin";
        snprintf(names[0], sizeof names[0], "%s", val ? test : "train.bin");
        return 1;
    }
    for (int i = 0; i < MOST_FILES; i++)
        snprintf(names[i], sizeof names[i], "data_batch_%d.bin", i + 1);
    return MOST_FILES;
}

static reel_status add_files(struct cifar *c, const char *path, bool val, bool hundred,
                             reel_error *err)
{
    char names[MOST_FILES][32];
    const int n = split_files(names, val, hundred);
    for (int i = 0; i < n; i++) {
        char file[REEL_DATA_PATH + 60];
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        if (!reel_is_file(file))
            continue;
        reel_span span = {0};
        REEL_TRY(reel_open_plain(&span.file, &span.size, file, err));
        REEL_TRY(add_file(c, &span, names[i], err));
    }
    return REEL_OK;
}

static reel_status cifar_open(reel_opened *out, const char *data, const char *split,
                              const char *path, reel_error *err)
{
    (void)data;
    const bool val = split && strcmp(split, "train") != 0;
    const bool hundred = has_file(path, val ? "test.bin" : "train.bin");
    struct cifar *c;
    REEL_TRY(cifar_new(&c, hundred, err));
    out->self = c;

    reel_error why = {0};
    const reel_status status = add_files(c, path, val, hundred, &why);
    if (status != REEL_OK)
        return reel_fail(err, status, "%s: %s", path, why.message);
    return class_names(&out->classes, path, hundred, err);
}

const reel_source reel_source_cifar = REEL_SOURCE(cifar, .name = "CIFAR", .rank = REEL_RANK_NAMES,
                                                  REEL_SAMPLES_OF(cifar), .destroy = cifar_destroy);

/* ---- for tests and fuzzers ---- */

static reel_status open_memory(reel_opened *out, const uint8_t *bytes, size_t size, bool hundred,
                               reel_error *err)
{
    const reel_span span = {.memory = bytes, .size = size};
    struct cifar *c;
    REEL_TRY(cifar_new(&c, hundred, err));
    out->self = c;
    REEL_TRY(add_file(c, &span, "memory", err));
    return reel_number_names(&out->classes, NULL, c->classes, err);
}

reel_status reel_cifar_memory(reel_opened *out, const uint8_t *bytes, size_t size, bool hundred,
                              reel_error *err)
{
    *out = (reel_opened){.source = &reel_source_cifar};
    const reel_status status = open_memory(out, bytes, size, hundred, err);
    if (status != REEL_OK)
        reel_opened_free(out);
    return status;
}
