/* Data sets in memory, for tests of what is made of a data set: a number of samples with labels. */
#ifndef REEL_TESTS_UNIT_DATA_MEMORY_SET_H
#define REEL_TESTS_UNIT_DATA_MEMORY_SET_H

#include "tests/unit/data/data_test.h"

struct memory_set {
    int64_t count;
    int64_t (*label)(int64_t index);
    const reel_bytes *images; /* 8 that take turns; NULL = no sample can be read */
    const bool *bad;          /* those that cannot be read; NULL = all can */
};

static int64_t memory_set_size(const void *self)
{
    return ((const struct memory_set *)self)->count;
}

static int64_t memory_set_label(const void *self, int64_t index)
{
    return ((const struct memory_set *)self)->label(index);
}

static reel_status memory_set_sample(const void *self, int64_t index, reel_bytes *bytes,
                                     reel_error *why)
{
    const struct memory_set *set = self;
    if (!set->images || (set->bad && set->bad[index]))
        return reel_fail(why, REEL_ERR_IO, "sample %" PRId64 " is gone", index);
    const reel_bytes *from = &set->images[index % 8];
    REEL_TRY(reel_bytes_reserve(bytes, from->size + 1, why));
    memcpy(bytes->data, from->data, from->size);
    bytes->size = from->size;
    return REEL_OK;
}

static void memory_set_sample_name(const void *self, int64_t index, char *text, size_t size)
{
    (void)self;
    snprintf(text, size, "%" PRId64, index);
}

/* The dataset of the set, which must outlive it. */
static reel_dataset *open_memory_set(struct memory_set *set, const char *const *classes, int64_t n)
{
    static const reel_source source = {.name = "memory", REEL_SAMPLES_OF(memory_set)};
    reel_dataset *d;
    reel_error why;
    MUST(reel_dataset_create(&d, &source, set, classes, n, &why), why);
    return d;
}

#endif
