/* A dataset is a source of labelled encoded images; where they lie is the source's secret. One file
 * each in data/sources/.
 *
 * Any number of threads may read samples at the same time. */
#ifndef REEL_DATA_DATASET_H
#define REEL_DATA_DATASET_H

#include "core/base.h"
#include "data/bytes.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_dataset reel_dataset;

/* What a source implements. */
typedef struct reel_source {
    const char *kind; /* "folder", "list", ... */
    int64_t (*count)(const void *self);
    int64_t (*label)(const void *self, int64_t index); /* 0 .. classes - 1 */
    /* Encoded image (JPEG, PNG) into bytes. REEL_ERR_IO, REEL_ERR_FORMAT: this sample cannot be
     * had. */
    reel_status (*read)(const void *self, int64_t index, reel_bytes *bytes, reel_error *err);
    /* A name for people: path within the dataset, printable (bytes that are not: \xNN). Written
     * into text, cut to size. */
    void (*name)(const void *self, int64_t index, char *text, size_t size);
    void (*destroy)(void *self);
    int64_t (*hidden)(
        const void *self); /* files left out because their name begins with a dot; NULL = none */
} reel_source;

/* Takes ownership of self, also on failure. class names are copied. For sources outside the
 * library. */
REEL_API reel_status reel_dataset_create(reel_dataset **out, const reel_source *source, void *self,
                                         const char *const *classes, int64_t n_classes,
                                         reel_error *err);
REEL_API void reel_dataset_destroy(reel_dataset *dataset);

/* Image folder as torchvision's ImageFolder: a folder per class below root, class index = bytewise
 * rank of the folder's name, images at any depth below it in bytewise order of their paths,
 * extensions .jpg .jpeg .png (any case). Hidden files are skipped and counted. REEL_ERR_IO: no such
 * folder; REEL_ERR_INVALID: no class folder, or a class without images (named). */
REEL_API reel_status reel_dataset_folder(reel_dataset **out, const char *root, reel_error *err);
/* The same, with classes that have no images: for looking at a dataset, not for training on it. */
REEL_API reel_status reel_dataset_folder_as_is(reel_dataset **out, const char *root,
                                               reel_error *err);

/* A split of what people have, recognised by what DATA is: image folders, lists, ImageNet's folders
 * and tars, tar shards, packed shards, CIFAR, MNIST, "synth:" (data/README.md has the table).
 * split: "train", "val", another name; NULL = all there is, for data that is yet to be split. path
 * (may be NULL) receives where it was found. REEL_ERR_IO: there is no such thing; the message says
 * what was expected. */
REEL_API reel_status reel_dataset_open(reel_dataset **out, const char *data, const char *split,
                                       char *path, size_t size, reel_error *err);
/* Is DATA known, and does it have that split? */
REEL_API bool reel_dataset_has(const char *data, const char *split);

/* A view of another dataset: the samples listed in indices (copied). The parent must outlive it. */
REEL_API reel_status reel_dataset_subset(reel_dataset **out, const reel_dataset *parent,
                                         const int64_t *indices, int64_t n, reel_error *err);

/* Two views of parent, which must outlive them: share of each class's samples (at least one, and
 * one stays) held back, chosen by seed; both in parent's order. A class of one sample is in train
 * only. REEL_ERR_INVALID: nothing to hold back. */
REEL_API reel_status reel_dataset_split(reel_dataset **train, reel_dataset **held,
                                        const reel_dataset *parent, double share, uint64_t seed,
                                        reel_error *err);

REEL_API int64_t reel_dataset_count(const reel_dataset *d);
REEL_API int64_t reel_dataset_classes(const reel_dataset *d);
REEL_API int64_t
reel_dataset_hidden(const reel_dataset *d); /* hidden files and folders that were left out */
REEL_API const char *reel_dataset_class_name(const reel_dataset *d, int64_t c);
REEL_API int64_t reel_dataset_label(const reel_dataset *d, int64_t index);
REEL_API reel_status reel_dataset_read(const reel_dataset *d, int64_t index, reel_bytes *bytes,
                                       reel_error *err);
REEL_API void reel_dataset_sample_name(const reel_dataset *d, int64_t index, char *text,
                                       size_t size);
/* Classes that have no names but their numbers: the side that has fewer of them, because its
 * highest ones have no images, gets as many as the other. Anything else stays as it is. */
REEL_API reel_status reel_dataset_align(reel_dataset *train, reel_dataset *val, reel_error *err);
REEL_API reel_status reel_dataset_widen(reel_dataset *d, int64_t classes,
                                        reel_error *err); /* of one, to so many */

/* What looks wrong, a line each, into lines; returns how many (at most `most`). A class without
 * images on one side, validation data of a single class, labels that seem to count from 1, classes
 * whose names differ only by case, the same folder under another label on the other side. */
typedef char reel_doubt[300];
REEL_API int reel_dataset_doubts(const reel_dataset *train, const reel_dataset *val,
                                 reel_doubt *lines, int most);

/* REEL_ERR_INVALID listing what differs unless both have the same class names in the same order. */
REEL_API reel_status reel_dataset_same_classes(const reel_dataset *train, const reel_dataset *val,
                                               reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
