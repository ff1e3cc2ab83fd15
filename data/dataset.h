/* Datasets: labelled encoded images, wherever they lie.
 *
 * What DATA may be stands in data/README.md; each kind is one file in data/sources/. */
#ifndef REEL_DATA_DATASET_H
#define REEL_DATA_DATASET_H

#include "core/base.h"
#include "data/bytes.h"
#include "data/left_out.h"
#include "data/sources/source.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Any number of threads may use a dataset at the same time, but for reel_dataset_align,
 * reel_dataset_widen and reel_dataset_destroy, which must be alone with it. */
typedef struct reel_dataset reel_dataset;

/* ---- opening ---- */

/* A split of what people have, recognised by what DATA is: image folders, lists, ImageNet's folders
 * and tars, tar shards, packed shards, CIFAR, MNIST, "synth:". split: "train", "val", another name;
 * NULL = all there is, for data that is yet to be split. path (may be NULL) receives where it was
 * found. REEL_ERR_IO: there is no such thing; the message says what was expected. REEL_ERR_FORMAT,
 * REEL_ERR_INVALID: it is damaged, or makes no dataset. */
REEL_API reel_status reel_dataset_open(reel_dataset **out, const char *data, const char *split,
                                       char *path, size_t size, reel_error *err);
/* The same with all that may be asked of DATA. */
REEL_API reel_status reel_dataset_open_as(reel_dataset **out, const reel_data_request *request,
                                          char *path, size_t size, reel_error *err);
/* Asks for validation data whose labels mean what those of the training data do. The request
 * borrows the names of its classes. */
REEL_API void reel_data_request_follow(reel_data_request *request, const reel_dataset *train);
/* Is DATA known, and does it have that split? True, too, where memory is too short to tell: opening
 * it says so. */
REEL_API bool reel_dataset_has(const char *data, const char *split);
/* The same with all that may be asked of DATA: a column that holds labels divides no table. */
REEL_API bool reel_dataset_has_as(const reel_data_request *request);

/* Image folder as torchvision's ImageFolder: a folder per class below root, class index = bytewise
 * rank of the folder's name, images at any depth below it in bytewise order of their paths, with
 * the extensions of all formats that are decoded (any case). Hidden files are skipped and counted.
 * Folders without images are left out and counted. REEL_ERR_IO: no such folder; REEL_ERR_INVALID:
 * no class folder, one where folders without images leave fewer than two classes, or one with
 * pictures of which none can be decoded (named). */
REEL_API reel_status reel_dataset_folder(reel_dataset **out, const char *root, reel_error *err);
/* The same, with classes that have no images. */
REEL_API reel_status reel_dataset_folder_as_is(reel_dataset **out, const char *root,
                                               reel_error *err);

/* A dataset from a source of one's own; sniff and open are not called. Takes ownership of self,
 * also on failure; the names of the classes are copied. REEL_ERR_INVALID: no class, or more than
 * 2^32 - 1 samples. */
REEL_API reel_status reel_dataset_create(reel_dataset **out, const reel_source *source, void *self,
                                         const char *const *classes, int64_t n_classes,
                                         reel_error *err);
REEL_API void reel_dataset_destroy(reel_dataset *dataset);

/* ---- views of a dataset, which must outlive them ---- */

/* The n samples listed in indices (copied), in that order. REEL_ERR_INVALID: none, or an index that
 * the parent does not have. */
REEL_API reel_status reel_dataset_subset(reel_dataset **out, const reel_dataset *parent,
                                         const int64_t *indices, int64_t n, reel_error *err);

/* Two views: `share` of each class's samples (at least one, and one stays) is held back, chosen by
 * seed; both are in the parent's order. A class of one sample is in train only. REEL_ERR_INVALID: a
 * share that is not between 0 and 1, a label that is no class, or nothing to hold back. */
REEL_API reel_status reel_dataset_split(reel_dataset **train, reel_dataset **held,
                                        const reel_dataset *parent, double share, uint64_t seed,
                                        reel_error *err);

/* Two views for cross-validation: fold `fold` (from 0) of `folds` is held back, the others are to
 * train on; both are in the parent's order. The samples of each class are shuffled by seed and
 * dealt out one by one, class after class: every sample is held back in one fold, and folds differ
 * by at most one sample, in all and in each class. REEL_ERR_INVALID: fewer than 2 folds, no such
 * fold, fewer samples than folds, or a label that is no class. */
REEL_API reel_status reel_dataset_fold(reel_dataset **train, reel_dataset **held,
                                       const reel_dataset *parent, int64_t folds, int64_t fold,
                                       uint64_t seed, reel_error *err);

/* ---- what is in it ---- */

REEL_API int64_t reel_dataset_count(const reel_dataset *d);   /* samples */
REEL_API int64_t reel_dataset_classes(const reel_dataset *d); /* at least 1 */
/* What a user should hear of how DATA was taken, a line each. */
REEL_API int64_t reel_dataset_notes(const reel_dataset *d);
REEL_API const char *reel_dataset_note(const reel_dataset *d, int64_t i);
/* What lies in DATA and is not used. */
REEL_API const reel_left_out *reel_dataset_left_out(const reel_dataset *d);
/* Hidden files and folders that were left out. */
REEL_API int64_t reel_dataset_hidden(const reel_dataset *d);
/* Do the endings of names say which format a sample has? Not in what reel_pack_split wrote. */
REEL_API bool reel_dataset_names_tell_format(const reel_dataset *d);
REEL_API const char *reel_dataset_class_name(const reel_dataset *d, int64_t c);
REEL_API int64_t reel_dataset_label(const reel_dataset *d, int64_t index); /* 0 to classes - 1 */
/* The encoded image; bytes->size is set. REEL_ERR_IO, REEL_ERR_FORMAT: it cannot be had. */
REEL_API reel_status reel_dataset_read(const reel_dataset *d, int64_t index, reel_bytes *bytes,
                                       reel_error *err);
/* A printable name, cut to size. */
REEL_API void reel_dataset_sample_name(const reel_dataset *d, int64_t index, char *text,
                                       size_t size);
/* A 64-bit hash (FNV-1a) over the names of the classes and the names and labels of the samples, in
 * order. Two datasets that differ in any of these have different fingerprints, but for one chance
 * in 2^64; the contents of files do not count. The same on every machine. NULL: 0. */
REEL_API uint64_t reel_dataset_fingerprint(const reel_dataset *d);

/* ---- two sides of the same data ---- */

/* Classes that have no names but their numbers: the side that has fewer, because its highest
 * classes have no images, gets as many as the other. Anything else stays as it is. */
REEL_API reel_status reel_dataset_align(reel_dataset *train, reel_dataset *val, reel_error *err);
/* The same for one side, to so many classes. */
REEL_API reel_status reel_dataset_widen(reel_dataset *d, int64_t classes, reel_error *err);

/* The same classes in another order (once each): classes and labels of d take over this order, and
 * *changed is true. Any other names leave d as it is. */
REEL_API reel_status reel_dataset_order_as(reel_dataset *d, const char *const *names, int64_t n,
                                           bool *changed, reel_error *err);

/* REEL_ERR_INVALID listing what differs, unless both have the same class names in the same order.
 */
REEL_API reel_status reel_dataset_same_classes(const reel_dataset *train, const reel_dataset *val,
                                               reel_error *err);

/* What looks wrong though everything can be read, a line each, into lines; returns how many, at
 * most `most`:
 * - a class without images on one side
 * - data of a single class
 * - labels that seem to count from 1
 * - classes whose names differ only by case
 * - a folder under one label in training and another in validation */
typedef char reel_doubt[300];
REEL_API int reel_dataset_doubts(const reel_dataset *train, const reel_dataset *val,
                                 reel_doubt *lines, int most);

#ifdef __cplusplus
}
#endif
#endif
