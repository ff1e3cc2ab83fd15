/* From the texts of labels to classes: are they numbers of classes, or names? */
#ifndef REEL_DATA_SOURCES_COMMON_LABELS_H
#define REEL_DATA_SOURCES_COMMON_LABELS_H

#include "data/sources/common/opened.h"
#include "data/sources/common/rows.h"

enum { REEL_MOST_LABEL = (1 << 24) - 1 };

/* How the labels of a list are meant. */
typedef struct reel_labels {
    bool indices;    /* each label is the number of its class */
    int64_t classes; /* indices: how many there are */
} reel_labels;

/* Decides for all rows. Labels that are no numbers where nearly all are go to rows->bad. Names are
 * added to out->classes, sorted, or in the request's order. Warnings go to out->notes. folder:
 * where classes.txt may lie; NULL = nowhere. */
reel_status reel_labels_decide(reel_labels *labels, reel_opened *out, reel_rows *rows,
                               const char *folder, reel_error *err);
/* The class of a row; -1 = none (of names that the request gives in another order). */
int64_t reel_labels_class(const reel_labels *labels, const reel_opened *out, const char *text);

#endif
