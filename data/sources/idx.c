/* MNIST and its kin (Fashion-MNIST, EMNIST): idx files, also packed by gzip.
 * train-images-idx3-ubyte with train-labels-idx1-ubyte, t10k- (or test-) for validation. Grey
 * images, which become RGB.
 *
 * Big-endian: images 2051, n, rows, columns, pixels; labels 2049, n, labels. Format: LeCun,
 * http://yann.lecun.com/exdb/mnist.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/codecs/pnm.h"
#include "data/sources/sources.h"

struct idx {
    reel_span span; /* of the images */
    int64_t n, rows, columns;
    uint8_t *label;
    char name[64];
};

static int64_t idx_count(const void *self)
{
    return ((const struct idx *)self)->n;
}

static int64_t idx_label(const void *self, int64_t index)
{
    return ((const struct idx *)self)->label[index];
}

static void idx_name(const void *self, int64_t index, char *text, size_t size)
{
    const struct idx *x = self;
    char name[100];
    snprintf(name, sizeof name, "%s[%" PRId64 "]", x->name, index);
    reel_escape(text, size, name);
}

static reel_status idx_read(const void *self, int64_t index, reel_bytes *bytes, reel_error *err)
{
    const struct idx *x = self;
    uint8_t *pixels;
    REEL_TRY(reel_pnm_begin(bytes, x->columns, x->rows, 1, &pixels, err));
    const int64_t n = x->rows * x->columns;
    return reel_span_read(&x->span, 16 + (uint64_t)(index * n), pixels, (size_t)n, err);
}

static void idx_destroy(void *self)
{
    struct idx *x = self;
    if (!x->span.memory)
        close(x->span.file);
    free(x->label);
    free(x);
}

static const reel_source source = {.kind = "idx",
                                   .count = idx_count,
                                   .label = idx_label,
                                   .read = idx_read,
                                   .name = idx_name,
                                   .destroy = idx_destroy};

static uint32_t big(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

reel_status reel_idx_create(reel_dataset **out, const reel_span *images, const reel_span *labels,
                            const char *name, const char *folder, reel_error *err)
{
    *out = NULL;
    struct idx *x = calloc(1, sizeof *x);
    if (!x) {
        if (!images->memory)
            close(images->file);
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for a dataset");
    }
    x->span = *images;
    snprintf(x->name, sizeof x->name, "%s", name);
    uint8_t head[16], label_head[8];
    reel_error why = {0};
    reel_status status = reel_span_read(images, 0, head, sizeof head, &why);
    if (status == REEL_OK)
        status = reel_span_read(labels, 0, label_head, sizeof label_head, &why);
    if (status == REEL_OK && (big(head) != 2051 || big(label_head) != 2049))
        status = reel_fail(&why, REEL_ERR_FORMAT,
                           "magic numbers %" PRIu32 " and %" PRIu32
                           ", expected 2051 (images) and 2049 (labels)",
                           big(head), big(label_head));
    x->n = big(head + 4);
    x->rows = big(head + 8);
    x->columns = big(head + 12);
    if (status == REEL_OK)
        status = reel_check_pixels("idx", x->columns, x->rows, &why);
    if (status == REEL_OK && (x->n < 1 || x->n != (int64_t)big(label_head + 4)))
        status = reel_fail(&why, REEL_ERR_FORMAT,
                           "%" PRId64 " images and %" PRIu32
                           " labels, expected as many of both, at least one",
                           x->n, big(label_head + 4));
    const int64_t most = status == REEL_OK ? (INT64_MAX - 16) / (x->rows * x->columns) : 0;
    if (status == REEL_OK &&
        (x->n > most || (uint64_t)(16 + x->n * x->rows * x->columns) > images->size ||
         (uint64_t)(8 + x->n) > labels->size))
        status = reel_fail(&why, REEL_ERR_FORMAT,
                           "cut: %" PRId64 " images of %" PRId64 " x %" PRId64
                           " do not fit in %" PRIu64 " bytes, or as many labels in %" PRIu64,
                           x->n, x->rows, x->columns, images->size, labels->size);
    if (status == REEL_OK && !(x->label = malloc((size_t)x->n)))
        status = reel_fail(&why, REEL_ERR_MEMORY, "no memory for %" PRId64 " labels", x->n);
    if (status == REEL_OK)
        status = reel_span_read(labels, 8, x->label, (size_t)x->n, &why);
    if (status != REEL_OK) {
        idx_destroy(x);
        return reel_fail(err, status, "%s: %s", name, why.message);
    }
    int64_t classes = 10; /* digits, though a part of them may lack some */
    for (int64_t i = 0; i < x->n; i++)
        if (x->label[i] >= classes)
            classes = x->label[i] + 1;
    reel_names names = {0};
    status = reel_number_names(&names, folder, classes, err);
    if (status == REEL_OK)
        return reel_create_named(out, &source, x, &names, err);
    reel_names_free(&names);
    idx_destroy(x);
    return status;
}

/* ---- where ---- */
static bool find(const char *data, const char *prefix, bool images, char *path)
{
    static const char *const folders[] = {"", "/raw", "/MNIST/raw"}, *const ends[] = {"", ".gz"};
    for (int i = 0; i < 12; i++) {
        const int n = snprintf(path, REEL_DATA_PATH, "%s%s/%s-%s%cidx%d-ubyte%s", data,
                               folders[i / 4], prefix, images ? "images" : "labels",
                               i & 1 ? '.' : '-', images ? 3 : 1, ends[i >> 1 & 1]);
        if (n < REEL_DATA_PATH && reel_is_file(path))
            return true;
    }
    return false;
}

static const char *prefix_of(const char *data, const char *split, char *path)
{
    if (!split || strcmp(split, "train") == 0)
        return find(data, "train", true, path) ? "train" : NULL;
    if (!reel_is_val(split) && strcmp(split, "test") != 0)
        return NULL;
    return find(data, "t10k", true, path) ? "t10k" : find(data, "test", true, path) ? "test" : NULL;
}

static reel_look look(const char *data, const char *split, char *path)
{
    char other[REEL_DATA_PATH];
    if (!reel_is_folder(data))
        return REEL_LOOK_OTHER;
    if (prefix_of(data, split, path))
        return REEL_LOOK_FOUND;
    return prefix_of(data, "train", other) || prefix_of(data, "val", other) ? REEL_LOOK_NO_SPLIT
                                                                            : REEL_LOOK_OTHER;
}

static reel_status open_idx(reel_dataset **out, const char *data, const char *split,
                            const char *path, reel_error *err)
{
    char images_path[REEL_DATA_PATH], labels_path[REEL_DATA_PATH];
    const char *prefix = prefix_of(data, split, images_path);
    reel_span images = {0}, labels = {0};
    if (!prefix || !find(data, prefix, false, labels_path))
        return reel_fail(err, REEL_ERR_IO, "%s: no labels beside it (%s-labels-idx1-ubyte)", path,
                         prefix ? prefix : "");
    REEL_TRY(reel_open_plain(&labels.file, &labels.size, labels_path, err));
    reel_status status = reel_open_plain(&images.file, &images.size, images_path, err);
    if (status == REEL_OK)
        status = reel_idx_create(out, &images, &labels, reel_base_name(images_path), data, err);
    close(labels.file);
    return status;
}

const reel_kind reel_kind_idx = {.name = "MNIST", .look = look, .open = open_idx};
