/* Labels of ImageNet's validation set, whose files lie in one folder or tar. */
#ifndef REEL_DATA_SOURCES_COMMON_VAL_LABELS_H
#define REEL_DATA_SOURCES_COMMON_VAL_LABELS_H

#include "data/bytes.h"
#include "data/sources/common/names.h"
#include "data/sources/source.h"

/* Zero-initialise; free at the end. */
typedef struct reel_val_labels {
    bool by_place;             /* labels belong to the number in the file's name, from 1 */
    reel_list labels;          /* int32_t, where by_place */
    reel_pool names;           /* else: the files' names, and */
    reel_list entries;         /* struct {size_t name; int32_t label}, sorted by name */
    char from[REEL_DATA_PATH]; /* the file that they came from */
} reel_val_labels;

/* The text of such a file: "ImageId,WNID ...", a WNID a line, or "name rank". */
typedef enum { REEL_VAL_KAGGLE, REEL_VAL_WNIDS, REEL_VAL_RANKS } reel_val_kind;

/* Looks in the folders (NULL-terminated list) for LOC_val_solution.csv, val.txt,
 * imagenet_2012_validation_synset_labels.txt, and the devkit (unpacked or .tar.gz). classes: WNIDs
 * of the training data, sorted; where it is empty, it is filled from what was found. */
reel_status reel_val_labels_find(reel_val_labels *v, reel_names *classes,
                                 const char *const *folders, reel_error *err);
/* One such text. */
reel_status reel_val_labels_parse(reel_val_labels *v, reel_names *classes, reel_val_kind kind,
                                  const char *path, const reel_bytes *bytes, reel_error *err);
/* The devkit's: an id a line, and meta.mat, which says what ids mean. */
reel_status reel_val_labels_parse_ids(reel_val_labels *v, reel_names *classes, const char *path,
                                      const reel_bytes *truth, const reel_bytes *meta,
                                      reel_error *err);
/* The label of the file of that name; -1 = none. */
int64_t reel_val_label(const reel_val_labels *v, const char *name);
void reel_val_labels_free(reel_val_labels *v);

#endif
