/* The dataset object, and the way from an opened source to one. */
#ifndef REEL_DATA_DATASET_INTERNAL_H
#define REEL_DATA_DATASET_INTERNAL_H

#include "data/dataset.h"
#include "data/sources/common/opened.h"

struct reel_dataset {
    reel_source source;
    void *self;
    int64_t n_classes;
    char **classes;
    bool indices;   /* a list's labels are the numbers of classes */
    int64_t *order; /* the class of each label of the source; NULL = the same */
    reel_names notes;
    reel_left_out left_out;
};

/* Moves the notes of *opened to the data set. */
void reel_dataset_take_notes(reel_dataset *d, reel_opened *opened);
/* Takes over what was opened, also on failure. */
reel_status reel_dataset_of(reel_dataset **out, reel_opened *opened, reel_error *err);

#endif
