/* What the two sources of ImageNet share: the classes of the training data, and where labels are
 * looked for. */
#ifndef REEL_DATA_SOURCES_COMMON_IMAGENET_H
#define REEL_DATA_SOURCES_COMMON_IMAGENET_H

#include "data/sources/common/names.h"
#include "data/sources/common/span.h"
#include "data/sources/common/val_labels.h"

extern const char reel_imagenet_train_tar[], reel_imagenet_val_tar[]; /* names of the tars */

/* A part of a tar: an archive within it. */
typedef struct reel_member {
    uint64_t offset, size;
} reel_member;

/* The class tars in ILSVRC2012_img_train.tar: names, and where each lies (reel_member; may be
 * NULL). */
reel_status reel_imagenet_class_tars(reel_names *names, reel_list *members, const reel_span *span,
                                     reel_error *err);

/* The WNIDs and the labels of validation data. path: where its images lie; data: DATA. classes
 * receives the training data's WNIDs, sorted, or those of the labels where there is none. */
reel_status reel_imagenet_val(reel_names *classes, reel_val_labels *labels, const char *data,
                              const char *path, reel_error *err);

/* An image without a label. */
reel_status reel_imagenet_no_label(const char *name, const reel_val_labels *labels,
                                   reel_error *err);

#endif
