/* A view of another dataset: some of its samples, in a given order. The parent answers everything.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"

struct subset {
    const reel_dataset *parent;
    int64_t n;
    int64_t indices[];
};

static int64_t subset_size(const void *self)
{
    return ((const struct subset *)self)->n;
}

static int64_t subset_label(const void *self, int64_t index)
{
    const struct subset *s = self;
    return reel_dataset_label(s->parent, s->indices[index]);
}

static reel_status subset_sample(const void *self, int64_t index, reel_bytes *bytes,
                                 reel_error *err)
{
    const struct subset *s = self;
    return reel_dataset_read(s->parent, s->indices[index], bytes, err);
}

static void subset_sample_name(const void *self, int64_t index, char *text, size_t size)
{
    const struct subset *s = self;
    reel_dataset_sample_name(s->parent, s->indices[index], text, size);
}

static const reel_source subset_source = {
    .name = "subset", REEL_SAMPLES_OF(subset), .destroy = free};

reel_status reel_dataset_subset(reel_dataset **out, const reel_dataset *parent,
                                const int64_t *indices, int64_t n, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    REEL_NEED(parent, err);
    REEL_NEED(indices, err);

    const int64_t count = reel_dataset_count(parent);
    const int64_t n_classes = reel_dataset_classes(parent);
    if (n < 1)
        return reel_fail(err, REEL_ERR_INVALID,
                         "subset: expected at least one sample, got %" PRId64, n);
    for (int64_t i = 0; i < n; i++)
        if (indices[i] < 0 || indices[i] >= count)
            return reel_fail(err, REEL_ERR_INVALID,
                             "subset: index %" PRId64 " at place %" PRId64
                             ", expected 0 to %" PRId64,
                             indices[i], i, count - 1);

    /* The indices stand behind the struct: one free ends both. */
    struct subset *s = malloc(sizeof *s + (size_t)n * sizeof *s->indices);
    const char **classes = malloc((size_t)n_classes * sizeof *classes);
    if (!s || !classes) {
        free(s);
        free(classes);
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for a subset of %" PRId64 " samples", n);
    }

    s->parent = parent;
    s->n = n;
    memcpy(s->indices, indices, (size_t)n * sizeof *indices);
    for (int64_t c = 0; c < n_classes; c++)
        classes[c] = reel_dataset_class_name(parent, c);
    const reel_status status = reel_dataset_create(out, &subset_source, s, classes, n_classes, err);
    free(classes);
    return status;
}
