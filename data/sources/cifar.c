/* CIFAR-10 and CIFAR-100, binary version: records of a label (CIFAR-100: of two, coarse and fine)
 * and 32 x 32 pixels in three planes. Labels are read once; pixels when their turn comes. Format:
 * Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html.
 *
 * Training data is data_batch_1.bin .. data_batch_5.bin (as many as there are) or train.bin;
 * validation data test_batch.bin or test.bin. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/codecs/pnm.h"
#include "data/sources/sources.h"

enum { SIDE = 32, PIXELS = SIDE * SIDE, MOST_FILES = 5, BLOCK = 64 };

struct cifar {
    int64_t n;
    int labels; /* bytes before the pixels */
    uint8_t *label;
    struct {
        reel_span span;
        int64_t first; /* index of its first record */
        char name[40];
    } files[MOST_FILES];
    int n_files;
};

static int64_t cifar_count(const void *self)
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

static void cifar_name(const void *self, int64_t index, char *text, size_t size)
{
    const struct cifar *c = self;
    const int f = file_of(c, index);
    snprintf(text, size, "%s[%" PRId64 "]", c->files[f].name, index - c->files[f].first);
}

static reel_status cifar_read(const void *self, int64_t index, reel_bytes *bytes, reel_error *err)
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

static const reel_source source = {.kind = "cifar",
                                   .count = cifar_count,
                                   .label = cifar_label,
                                   .read = cifar_read,
                                   .name = cifar_name,
                                   .destroy = cifar_destroy};

/* Takes over the span's file. */
static reel_status add_file(struct cifar *c, const reel_span *span, const char *name, int classes,
                            reel_error *err)
{
    const uint64_t record = (uint64_t)c->labels + 3 * PIXELS, n = span->size / record;
    c->files[c->n_files].span = *span;
    c->files[c->n_files].first = c->n;
    snprintf(c->files[c->n_files++].name, sizeof c->files[0].name, "%s", name);
    if (span->size % record || n == 0 || n > 10000000)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: %" PRIu64 " bytes, expected a multiple of %" PRIu64
                         " (records of %d + 3072)",
                         name, span->size, record, c->labels);
    uint8_t *label = realloc(c->label, (size_t)c->n + (size_t)n),
            *block = malloc(BLOCK * (size_t)record);
    if (label)
        c->label = label;
    reel_status status =
        label && block ? REEL_OK
                       : reel_fail(err, REEL_ERR_MEMORY, "no memory for %" PRIu64 " labels", n);
    for (uint64_t i = 0; status == REEL_OK && i < n; i += BLOCK) {
        const uint64_t some = n - i < BLOCK ? n - i : BLOCK;
        status = reel_span_read(span, i * record, block, (size_t)(some * record), err);
        for (uint64_t k = 0; status == REEL_OK && k < some; k++) {
            const uint8_t l = block[k * record + (uint64_t)c->labels - 1];
            if (l >= classes)
                status = reel_fail(err, REEL_ERR_FORMAT,
                                   "%s: record %" PRIu64 " has label %d, expected 0 to %d", name,
                                   i + k, l, classes - 1);
            c->label[c->n + (int64_t)(i + k)] = l;
        }
    }
    if (status == REEL_OK)
        c->n += (int64_t)n;
    free(block);
    return status;
}

static reel_status create(reel_dataset **out, struct cifar *c, reel_names *names, reel_error *err)
{
    return reel_create_named(out, &source, c, names, err);
}

reel_status reel_cifar_memory(reel_dataset **out, const uint8_t *bytes, size_t size, bool hundred,
                              reel_error *err)
{
    const reel_span span = {.memory = bytes, .size = size};
    const int classes = hundred ? 100 : 10;
    reel_names names = {0};
    *out = NULL;
    struct cifar *c = calloc(1, sizeof *c);
    if (!c)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for a dataset");
    c->labels = hundred ? 2 : 1;
    reel_status status = add_file(c, &span, "memory", classes, err);
    if (status == REEL_OK)
        status = reel_number_names(&names, NULL, classes, err);
    if (status == REEL_OK)
        return create(out, c, &names, err);
    reel_names_free(&names);
    cifar_destroy(c);
    return status;
}

/* ---- where ---- */
static const char *const folders[] = {"", "/cifar-10-batches-bin", "/cifar-100-binary"};

static bool has(const char *folder, const char *name)
{
    char path[REEL_DATA_PATH + 40];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return reel_is_file(path);
}

static reel_look look(const char *data, const char *split, char *path)
{
    for (int i = 0; i < 3; i++) {
        if (snprintf(path, REEL_DATA_PATH, "%s%s", data, folders[i]) >= REEL_DATA_PATH)
            break;
        const bool train = has(path, "data_batch_1.bin") || has(path, "train.bin");
        const bool test = has(path, "test_batch.bin") || has(path, "test.bin");
        if (!train && !test)
            continue;
        if (!split || strcmp(split, "train") == 0)
            return train ? REEL_LOOK_FOUND : REEL_LOOK_NO_SPLIT;
        return test && (reel_is_val(split) || !strcmp(split, "test")) ? REEL_LOOK_FOUND
                                                                      : REEL_LOOK_NO_SPLIT;
    }
    return REEL_LOOK_OTHER;
}

/* Lines of batches.meta.txt or fine_label_names.txt; where there are none, CIFAR-10's names are
 * known. */
static reel_status class_names(reel_names *names, const char *folder, bool hundred, reel_error *err)
{
    static const char *const ten[10] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                        "dog",      "frog",       "horse", "ship", "truck"};
    char path[REEL_DATA_PATH + 40];
    reel_bytes bytes = {0};
    reel_error why;
    reel_status status = REEL_OK;
    const int64_t n = hundred ? 100 : 10;
    snprintf(path, sizeof path, "%s/%s", folder,
             hundred ? "fine_label_names.txt" : "batches.meta.txt");
    if (reel_is_file(path) && reel_read_plain(&bytes, path, 1 << 20, &why) == REEL_OK) {
        reel_lines lines = {.at = (char *)bytes.data, .end = (char *)bytes.data + bytes.size};
        const char *line;
        size_t length;
        while (status == REEL_OK && reel_names_count(names) < n &&
               reel_lines_next(&lines, &line, &length))
            if (length && !memchr(line, 0, length))
                status = reel_names_add(names, line, length, err);
    }
    reel_bytes_free(&bytes);
    if (status != REEL_OK || reel_names_count(names) == n)
        return status;
    reel_names_free(names);
    for (int i = 0; !hundred && i < 10 && status == REEL_OK; i++)
        status = reel_names_add(names, ten[i], strlen(ten[i]), err);
    return hundred ? reel_number_names(names, folder, 100, err) : status;
}

static reel_status open_cifar(reel_dataset **out, const char *data, const char *split,
                              const char *path, reel_error *err)
{
    (void)data;
    const bool val = split && strcmp(split, "train") != 0,
               hundred = has(path, val ? "test.bin" : "train.bin");
    reel_names names = {0};
    reel_error why = {0};
    struct cifar *c = calloc(1, sizeof *c);
    if (!c)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for a dataset");
    c->labels = hundred ? 2 : 1;
    reel_status status = REEL_OK;
    for (int i = 1; status == REEL_OK && i <= (val || hundred ? 1 : MOST_FILES); i++) {
        char name[40], file[REEL_DATA_PATH + 60];
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        if (val || hundred)
            snprintf(name, sizeof name, "%s",
                     val ? hundred ? "test.bin" : "test_batch.bin" : "train.bin");
        snprintf(file, sizeof file, "%s/%s", path, name);
        if (!has(path, name))
            continue;
        reel_span span = {0};
        status = reel_open_plain(&span.file, &span.size, file, &why);
        if (status == REEL_OK)
            status = add_file(c, &span, name, hundred ? 100 : 10, &why);
    }
    if (status != REEL_OK)
        reel_fail(err, status, "%s: %s", path, why.message);
    if (status == REEL_OK)
        status = class_names(&names, path, hundred, err);
    if (status == REEL_OK)
        return create(out, c, &names, err);
    reel_names_free(&names);
    cifar_destroy(c);
    return status;
}

const reel_kind reel_kind_cifar = {.name = "CIFAR", .look = look, .open = open_cifar};
