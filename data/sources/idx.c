/* MNIST and its kin (Fashion-MNIST, EMNIST): idx files, also packed by gzip.
 * train-images-idx3-ubyte with train-labels-idx1-ubyte, t10k- (or test-) for validation. Grey
 * images, which become RGB.
 *
 * Big-endian: images 2051, n, rows, columns, pixels; labels 2049, n, labels. Format: LeCun,
 * http://yann.lecun.com/exdb/mnist.
 */
#include "data/sources/idx.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/bytes_internal.h"
#include "data/codecs/pnm.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/common/text.h"

/* Headers: images have magic number, n, rows, columns (16 bytes), labels magic number, n (8). */
enum { IMAGE_HEAD = 16, LABEL_HEAD = 8, IMAGE_MAGIC = 2051, LABEL_MAGIC = 2049 };

struct idx {
    reel_span span; /* of the images */
    int64_t n, rows, columns;
    uint8_t *label;
    char name[64];
};

static int64_t idx_size(const void *self)
{
    return ((const struct idx *)self)->n;
}

static int64_t idx_label(const void *self, int64_t index)
{
    return ((const struct idx *)self)->label[index];
}

static void idx_sample_name(const void *self, int64_t index, char *text, size_t size)
{
    const struct idx *x = self;
    char name[100];
    snprintf(name, sizeof name, "%s[%" PRId64 "]", x->name, index);
    reel_escape(text, size, name);
}

static reel_status idx_sample(const void *self, int64_t index, reel_bytes *bytes, reel_error *err)
{
    const struct idx *x = self;
    uint8_t *pixels;
    REEL_TRY(reel_pnm_begin(bytes, x->columns, x->rows, 1, &pixels, err));
    const int64_t n = x->rows * x->columns;
    return reel_span_read(&x->span, IMAGE_HEAD + (uint64_t)(index * n), pixels, (size_t)n, err);
}

static void idx_destroy(void *self)
{
    struct idx *x = self;
    if (!x->span.memory)
        close(x->span.file);
    free(x->label);
    free(x);
}

static uint32_t big(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

/* Fills in n, rows and columns, and checks that both files hold as many as they claim. */
static reel_status read_heads(struct idx *x, const reel_span *labels, reel_error *err)
{
    uint8_t head[IMAGE_HEAD], label_head[LABEL_HEAD];
    REEL_TRY(reel_span_read(&x->span, 0, head, sizeof head, err));
    REEL_TRY(reel_span_read(labels, 0, label_head, sizeof label_head, err));
    if (big(head) != IMAGE_MAGIC || big(label_head) != LABEL_MAGIC)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "magic numbers %" PRIu32 " and %" PRIu32
                         ", expected 2051 (images) and 2049 (labels)",
                         big(head), big(label_head));

    x->n = big(head + 4);
    x->rows = big(head + 8);
    x->columns = big(head + 12);
    REEL_TRY(reel_check_pixels("idx", x->columns, x->rows, err));
    if (x->n < 1 || x->n != (int64_t)big(label_head + 4))
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%" PRId64 " images and %" PRIu32
                         " labels, expected as many of both, at least one",
                         x->n, big(label_head + 4));

    /* The product must not overflow before it is compared. */
    const int64_t most = (INT64_MAX - IMAGE_HEAD) / (x->rows * x->columns);
    if (x->n > most || (uint64_t)(IMAGE_HEAD + x->n * x->rows * x->columns) > x->span.size ||
        (uint64_t)(LABEL_HEAD + x->n) > labels->size)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "cut: %" PRId64 " images of %" PRId64 " x %" PRId64
                         " do not fit in %" PRIu64 " bytes, or as many labels in %" PRIu64,
                         x->n, x->rows, x->columns, x->span.size, labels->size);
    return REEL_OK;
}

static reel_status read_files(struct idx *x, const reel_span *labels, reel_error *err)
{
    REEL_TRY(read_heads(x, labels, err));
    x->label = malloc((size_t)x->n);
    if (!x->label)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for %" PRId64 " labels", x->n);
    return reel_span_read(labels, LABEL_HEAD, x->label, (size_t)x->n, err);
}

/* Takes over the images' file, also on failure. */
static reel_status idx_new(reel_opened *out, const reel_span *images, const reel_span *labels,
                           const char *name, reel_error *err)
{
    struct idx *x = calloc(1, sizeof *x);
    if (!x && !images->memory)
        close(images->file);
    if (!x)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for a dataset");
    out->self = x;
    x->span = *images;
    snprintf(x->name, sizeof x->name, "%s", name);

    reel_error why = {0};
    const reel_status status = read_files(x, labels, &why);
    return status == REEL_OK ? REEL_OK : reel_fail(err, status, "%s: %s", name, why.message);
}

/* At least ten: the digits, though a part of them may lack some. */
static reel_status name_classes(reel_opened *out, const char *folder, reel_error *err)
{
    const struct idx *x = out->self;
    int64_t classes = 10;
    for (int64_t i = 0; i < x->n; i++)
        if (x->label[i] >= classes)
            classes = x->label[i] + 1;
    return reel_number_names(&out->classes, folder, classes, err);
}

/* ---- where ---- */
/* PREFIX-images-idx3-ubyte or PREFIX-labels-idx1-ubyte: in DATA, raw or MNIST/raw (as torchvision
 * downloads them), with a dash or a point before idx, packed or not. */
static bool find_file(const char *data, const char *prefix, bool images, char *path)
{
    static const char *const folders[] = {"", "/raw", "/MNIST/raw"};
    static const char *const begins[] = {"-", "."}, *const ends[] = {"", ".gz"};
    const char *what = images ? "images" : "labels";
    const int dimensions = images ? 3 : 1;
    for (int64_t i = 0; i < REEL_COUNT(folders); i++)
        for (int k = 0; k < 4; k++) {
            const int n =
                snprintf(path, REEL_DATA_PATH, "%s%s/%s-%s%sidx%d-ubyte%s", data, folders[i],
                         prefix, what, begins[k % 2], dimensions, ends[k / 2]);
            if (n < REEL_DATA_PATH && reel_is_file(path))
                return true;
        }
    return false;
}

/* How the split's files begin; NULL = there are none. path receives the images' file. */
static const char *prefix_of(const char *data, const char *split, char *path)
{
    const bool images = true;
    if (!split || strcmp(split, "train") == 0)
        return find_file(data, "train", images, path) ? "train" : NULL;
    if (!reel_is_val(split) && strcmp(split, "test") != 0)
        return NULL;
    if (find_file(data, "t10k", images, path))
        return "t10k";
    return find_file(data, "test", images, path) ? "test" : NULL;
}

static reel_sniff idx_sniff(const char *data, const char *split, char *path)
{
    char other[REEL_DATA_PATH];
    if (!reel_is_folder(data))
        return REEL_SNIFF_OTHER;
    if (prefix_of(data, split, path))
        return REEL_SNIFF_FOUND;
    const bool known = prefix_of(data, "train", other) || prefix_of(data, "val", other);
    return known ? REEL_SNIFF_NO_SPLIT : REEL_SNIFF_OTHER;
}

static reel_status idx_open(reel_opened *out, const char *data, const char *split, const char *path,
                            reel_error *err)
{
    const bool images_wanted = true;
    char images_path[REEL_DATA_PATH], labels_path[REEL_DATA_PATH];
    const char *prefix = prefix_of(data, split, images_path);
    if (!prefix || !find_file(data, prefix, !images_wanted, labels_path))
        return reel_fail(err, REEL_ERR_IO, "%s: no labels beside it (%s-labels-idx1-ubyte)", path,
                         prefix ? prefix : "");

    reel_span images = {0}, labels = {0};
    REEL_TRY(reel_open_plain(&labels.file, &labels.size, labels_path, err));
    reel_status status = reel_open_plain(&images.file, &images.size, images_path, err);
    if (status == REEL_OK)
        status = idx_new(out, &images, &labels, reel_base_name(images_path), err);
    close(labels.file);
    return status == REEL_OK ? name_classes(out, data, err) : status;
}

const reel_source reel_source_idx = REEL_SOURCE(idx, .name = "MNIST", .rank = REEL_RANK_NAMES,
                                                REEL_SAMPLES_OF(idx), .destroy = idx_destroy);

/* ---- for tests and fuzzers ---- */

reel_status reel_idx_memory(reel_opened *out, const reel_span *images, const reel_span *labels,
                            const char *name, reel_error *err)
{
    *out = (reel_opened){.source = &reel_source_idx};
    reel_status status = idx_new(out, images, labels, name, err);
    if (status == REEL_OK)
        status = name_classes(out, NULL, err);
    if (status != REEL_OK)
        reel_opened_free(out);
    return status;
}
